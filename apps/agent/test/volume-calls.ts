import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, expect } from 'vitest'
import { base64, caller, openWorkers, params } from './open-workers.ts'

const run = promisify(execFile)

export const path = (name: string | Buffer) => ({ path: base64(name) })
export const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error

/** A volume for one test file, which is empty before each test, and calls of the file API as short as tests want them. */
export async function useVolume() {
  const open = await openWorkers()
  const { files } = open
  afterAll(() => open[Symbol.asyncDispose]())
  afterEach(async () => {
    await run('find', [open.root, open.outside, '-mindepth', '1', '-delete'])
  })
  const list = (name: string, query: { limit?: number; cursor?: string } = {}) =>
    files.list({ params, query: { ...path(name), limit: 1000, cursor: undefined, ...query } }, caller())
  const read = (name: string | Buffer, conditions?: Record<string, string>) =>
    files.read({ params, query: path(name) }, caller(conditions))
  const write = (
    name: string | Buffer,
    body: AsyncIterable<Uint8Array>,
    {
      conditions = {},
      ...query
    }: { conditions?: Record<string, string>; parents?: boolean; size?: number } = {},
  ) =>
    files.write(
      {
        params,
        query: { ...path(name), parents: false, mode: 0o640, size: undefined, ...query },
        body,
      },
      caller(conditions),
    )
  const remove = (name: string | Buffer, recursive = false) =>
    files.remove({ params, query: { ...path(name), recursive } }, caller())
  const move = (from: string, to: string, overwrite = false) =>
    files.move({ params, body: { from: base64(from), to: base64(to), overwrite } }, caller())
  const makeLink = (name: string, target: string | Buffer) =>
    files.makeLink({ params, body: { ...path(name), target: base64(target) } }, caller())
  const makeFolder = (name: string, parents = false) =>
    files.makeFolder({ params, body: { ...path(name), parents } }, caller())
  return { open, list, read, write, remove, move, makeLink, makeFolder }
}
