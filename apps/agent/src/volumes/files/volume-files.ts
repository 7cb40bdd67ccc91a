import type { agent, FileAnswer, FileEntry, HandlerInput } from '@gpulab/contract'
import { type Context, SentElsewhere } from '@gpulab/http'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { handOverMinBytes, sentElsewhereHeader } from './protocol.ts'
import { isHandable, takeBegun } from './take-begun.ts'
import type { WorkerCall } from './worker-process.ts'
import type { Workers } from './workers.ts'

type Files = (typeof agent)['volumeFiles']
type Input<K extends keyof Files> = HandlerInput<Files[K]>
type Caller = Pick<Context<unknown>, 'signal' | 'conditions'> & Partial<Pick<Context<unknown>, 'connection'>>
type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** What the agent does with the files of its volumes; each call is one of the volume's own process. */
export function createVolumeFiles(workers: Workers) {
  const call = (
    uuid: string,
    operation: string,
    query: Query,
    { signal, conditions }: Caller,
    more: Pick<WorkerCall, 'body' | 'connection'> = {},
  ): Promise<IncomingMessage> =>
    workers.call(uuid, { operation, query: toText(query), headers: conditions, signal, ...more })
  const ask = async <T>(...input: Parameters<typeof call>): Promise<T> =>
    JSON.parse(await text(await call(...input))) as T

  return {
    list: async ({ params, query }: Input<'list'>, caller: Caller) => {
      const { path, limit, cursor: after } = query
      const page = await ask<{ items: FileEntry[]; next: string | null }>(
        params.uuid,
        'list',
        { path, limit, after },
        caller,
      )
      return { items: page.items, next_cursor: page.next }
    },
    stat: ({ params, query: { path, follow = false } }: Input<'stat'>, caller: Caller) =>
      ask<FileEntry>(params.uuid, 'stat', { path, follow }, caller),
    read: async ({ params, query }: Input<'read'>, caller: Caller): Promise<FileAnswer> => {
      const { connection } = caller
      const id = connection && randomUUID()
      const response = await call(params.uuid, 'read', { path: query.path, connection: id }, caller)
      const { statusCode, headers } = response
      const status = statusCode as FileAnswer['status']
      const kept = ['etag', 'last-modified', 'accept-ranges', 'content-length', 'content-range'] as const
      const answered = Object.fromEntries(
        kept.flatMap((name) => {
          const value = headers[name]
          return value === undefined ? [] : [[name, value]]
        }),
      )
      const length = headers[sentElsewhereHeader]
      if (!connection || !id || typeof length !== 'string') {
        return { status, headers: answered, body: response }
      }
      const body = new SentElsewhere(async () => {
        await workers.handOver(params.uuid, id, connection)
        await finished(response.resume())
      })
      return { status, headers: { ...answered, 'content-length': length }, body }
    },
    archive: ({ params, query }: Input<'archive'>, caller: Caller) =>
      call(params.uuid, 'archive', { path: query.path }, caller),
    write: async ({ params, query, body }: Input<'write'>, caller: Caller) => {
      const { path, parents = false, mode, size } = query
      const stored = { path, parents, mode, size }
      const { connection } = caller
      if (
        !connection ||
        size === undefined ||
        size < handOverMinBytes ||
        !isHandable(body, connection, size)
      ) {
        return ask<FileEntry>(params.uuid, 'store', stored, caller, { body })
      }
      const id = randomUUID()
      using begun = await takeBegun(body)
      return await ask<FileEntry>(params.uuid, 'store', { ...stored, connection: id }, caller, {
        body: begun.bytes,
        connection: { id, socket: connection },
      })
    },
    makeFolder: async ({ params, body }: Input<'makeFolder'>, caller: Caller) =>
      void (await ask(params.uuid, 'mkdir', body, caller)),
    makeLink: async ({ params, body }: Input<'makeLink'>, caller: Caller) =>
      void (await ask(params.uuid, 'link', body, caller)),
    move: async ({ params, body }: Input<'move'>, caller: Caller) =>
      void (await ask(params.uuid, 'move', body, caller)),
    remove: async ({ params, query: { path, recursive = false } }: Input<'remove'>, caller: Caller) =>
      void (await ask(params.uuid, 'remove', { path, recursive }, caller)),
  }
}

const toText = (query: Query): Record<string, string> =>
  Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
