import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, realpathSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { base64, bytesOf, caller, type OpenWorkers, openWorkers, params } from './open-workers.ts'

const run = promisify(execFile)
const path = (name: string) => ({ path: base64(name) })
const rounds = 3000
/** Of all rounds, on a busy machine. */
const raceMs = 120_000
let open: OpenWorkers
let swapper: ChildProcess

/** `x/name` is inside and outside in turn, thousands of times a second. */
beforeAll(async () => {
  open = await openWorkers()
  await mkdir(join(open.root, 'x'))
  await writeFile(join(open.root, 'x/name'), 'inside')
  await writeFile(join(open.outside, 'name'), 'secret')
  await mkdir(join(open.outside, 'tree'))
  await writeFile(join(open.outside, 'tree/kept'), 'kept')
  await symlink(open.outside, join(open.root, 'y'))
  const program = join(open.outside, '..', 'swapper')
  await run('cc', ['-O1', '-o', program, join(import.meta.dirname, 'swapper.c')])
  swapper = spawn(program, ['x', 'y'], { cwd: open.root, stdio: 'ignore' })
})
afterAll(async () => {
  if (swapper?.kill('SIGKILL')) await once(swapper, 'exit')
  await open?.[Symbol.asyncDispose]()
})

const outsideIsUntouched = async (): Promise<void> => {
  expect((await readdir(open.outside)).toSorted()).toEqual(['name', 'tree'])
  expect(await readFile(join(open.outside, 'name'), 'utf8')).toBe('secret')
  expect(await readdir(join(open.outside, 'tree'))).toEqual(['kept'])
}

it('is an attack that works on those who look first and open then', () => {
  const wanted = join(open.root, 'x/name')
  const isCaught = (): boolean => {
    try {
      return realpathSync(wanted).startsWith(open.root) && readFileSync(wanted, 'utf8') === 'secret'
    } catch {
      return false
    }
  }
  let caught = false
  for (let tries = 0; tries < 2_000_000 && !caught; tries++) caught = isCaught()
  expect(caught).toBe(true)
})

it('reads nothing outside', { timeout: raceMs }, async () => {
  const seen = new Map<string, number>()
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1)
  for (let round = 0; round < rounds; round++) {
    await open.files.read({ params, query: path('x/name') }, caller()).then(
      async ({ body }) => note(await text(body)),
      (error: { code: string }) => note(error.code),
    )
  }
  expect(
    [...seen.keys()].filter(
      (what) => !['inside', 'path_not_found', 'path_not_allowed', 'path_conflict'].includes(what),
    ),
  ).toEqual([])
  expect(seen.get('inside')).toBeGreaterThan(0)
  await outsideIsUntouched()
})

it('writes and removes nothing outside', { timeout: raceMs }, async () => {
  const done = { written: 0, refused: 0 }
  for (let round = 0; round < rounds / 10; round++) {
    const name = `x/new-${round % 10}`
    const query = { ...path(name), parents: round % 2 === 0, mode: 0o644, size: undefined }
    await open.files.write({ params, query, body: bytesOf('new') }, caller()).then(
      () => done.written++,
      () => done.refused++,
    )
    await open.files
      .remove({ params, query: { ...path(`x/new-${(round + 5) % 10}`), recursive: true } }, caller())
      .catch(() => {})
    await open.files
      .remove({ params, query: { ...path('x/tree'), recursive: true } }, caller())
      .catch(() => {})
    await open.files
      .makeFolder({ params, body: { ...path('x/tree/deep'), parents: true } }, caller())
      .catch(() => {})
  }
  expect(done.written).toBeGreaterThan(0)
  await outsideIsUntouched()
})

it('packs and lists nothing from outside', { timeout: raceMs }, async () => {
  for (let round = 0; round < 200; round++) {
    const { items } = await open.files
      .list({ params, query: { ...path('x'), limit: 100, cursor: undefined } }, caller())
      .catch(() => ({ items: [] }))
    expect(items.map(({ name }) => name)).not.toContain('kept')
    const archive = await open.files.archive({ params, query: path('/') }, caller())
    expect(await text(archive)).not.toContain('secret')
  }
})
