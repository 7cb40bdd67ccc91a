import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { handOverMinBytes, progressEveryMs, sentElsewhereHeader } from '../protocol.ts'
import { archive } from './archive.ts'
import { makeFolder, move, remove } from './change.ts'
import type { Connections } from './connections.ts'
import { openContent } from './content.ts'
import { readTarget, toEntry } from './entry.ts'
import { makeLink } from './link.ts'
import { list } from './list.ts'
import { type Receipt, receive } from './receive.ts'
import { sendFile } from './send-file.ts'
import { store } from './store.ts'
import { statPlace, toNames, type Tree, walk, WalkError } from './walk.ts'

export interface ServeOptions {
  readonly tree: Tree
  readonly connections: Connections
  readonly stagingPath: string
}

interface Call {
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

type Operation = (options: ServeOptions, call: Call) => Promise<void> | void

/** Names and paths are bytes, in base64. */
const bytesOf = (query: URLSearchParams, name: string): Buffer => Buffer.from(query.get(name) ?? '', 'base64')

const operations: Readonly<Record<string, Operation>> = {
  list: ({ tree }, { query, response }) => {
    const after = query.has('after') ? bytesOf(query, 'after') : undefined
    const limit = Number(query.get('limit'))
    const { items, next } = list(tree, { path: bytesOf(query, 'path'), limit, after })
    sendJson(response, 200, { items, next: next?.toString('base64') ?? null })
  },
  stat: ({ tree }, { query, response }) => {
    using place = walk(tree, toNames(bytesOf(query, 'path')), { follow: query.get('follow') === 'true' })
    const stat = statPlace(place)
    const name = place.name ?? Buffer.alloc(0)
    const target = place.name ? readTarget(place.folder, place.name, stat) : undefined
    sendJson(response, 200, toEntry(name, stat, target))
  },
  read: async ({ tree, connections }, { query, request, response }) => {
    const { headers } = request
    const isFresh = (etag: string): boolean =>
      headers['if-range'] === undefined || headers['if-range'] === etag
    using content = openContent(tree, { path: bytesOf(query, 'path'), range: headers.range }, isFresh)
    const { fd, etag, sizeBytes, range, length } = content
    const isKnown = headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag)
    response.setHeader('etag', etag)
    response.setHeader('last-modified', content.modifiedAt.toUTCString())
    response.setHeader('accept-ranges', 'bytes')
    if (isKnown) {
      response.writeHead(304).end()
      return
    }
    if (range) response.setHeader('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`)
    const connection = query.get('connection')
    const isHandedOver = connection !== null && length >= handOverMinBytes
    response.setHeader(isHandedOver ? sentElsewhereHeader : 'content-length', length)
    response.writeHead(range ? 206 : 200).flushHeaders()
    if (isHandedOver) await sendFile(fd, content, await connections.take(connection))
    else await sendFile(fd, content, response)
    response.end()
  },
  store: async ({ tree, stagingPath, connections }, { query, request, response }) => {
    const { headers } = request
    const connection = query.get('connection')
    const entry = await store(
      tree,
      stagingPath,
      {
        path: bytesOf(query, 'path'),
        parents: query.get('parents') === 'true',
        mode: Number(query.get('mode')),
        ifMatch: headers['if-match'],
        ifNoneMatch: headers['if-none-match'],
        sizeBytes: query.has('size') ? Number(query.get('size')) : undefined,
      },
      async (fd, receipt) => {
        await receive(fd, request, receipt)
        if (connection === null) return
        using _progress = tellProgress(response, receipt)
        await receive(fd, await connections.take(connection), receipt, Number(query.get('size')))
        // From here on it is the disk that is waited for.
        response.writeContinue()
      },
    )
    sendJson(response, 200, entry)
  },
  archive: async ({ tree }, { query, response }) => {
    // The first bytes tell whether there is anything to send.
    const source = archive(tree, { path: bytesOf(query, 'path') })
    const first = await source.next()
    response.writeHead(200)
    await pipeline(
      Readable.from(
        (async function* () {
          if (!first.done) yield first.value
          yield* source
        })(),
        { objectMode: false },
      ),
      response,
    )
  },
  mkdir: ({ tree }, { query, response }) => {
    makeFolder(tree, { path: bytesOf(query, 'path'), parents: query.get('parents') === 'true' })
    sendJson(response, 200, {})
  },
  link: ({ tree, stagingPath }, { query, response }) => {
    makeLink(tree, stagingPath, { path: bytesOf(query, 'path'), target: bytesOf(query, 'target') })
    sendJson(response, 200, {})
  },
  remove: async ({ tree }, { query, response }) => {
    await remove(tree, { path: bytesOf(query, 'path'), recursive: query.get('recursive') === 'true' })
    sendJson(response, 200, {})
  },
  move: ({ tree }, { query, response }) => {
    const overwrite = query.get('overwrite') === 'true'
    move(tree, { from: bytesOf(query, 'from'), to: bytesOf(query, 'to'), overwrite })
    sendJson(response, 200, {})
  },
}

/** Tells the agent now and then that nothing is wrong: that it waits for whoever sends, or that the volume takes what comes. */
function tellProgress(response: ServerResponse, receipt: Receipt): Disposable {
  let known = 0
  const timer = setInterval(() => {
    if (!receipt.isWriting || receipt.bytes > known) response.writeProcessing()
    known = receipt.bytes
  }, progressEveryMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

export function createHandler(options: ServeOptions): RequestListener {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://worker')
    const operation = operations[pathname.slice(1)]
    const connection = query.get('connection')
    // At the latest when the agent has its answer, or waits for it no more.
    if (connection !== null) response.once('close', () => options.connections.drop(connection))
    try {
      if (!operation) throw new WalkError('ENOSYS', 'There is no such operation.')
      await operation(options, { query, request, response })
    } catch (error) {
      fail(response, error)
    }
  }
  return (request, response) => void handle(request, response)
}

function fail(response: ServerResponse, error: unknown): void {
  const { message } = error as Error
  const code = codeOf(error as NodeJS.ErrnoException)
  // A body that has begun can only be cut.
  if (response.headersSent) response.destroy()
  else sendJson(response, 422, { code, message })
}

/** Of Linux; Node has no name for it. */
const EDQUOT = 122

const codeOf = ({ code = 'EIO', errno }: NodeJS.ErrnoException): string =>
  errno === -EDQUOT ? 'EDQUOT' : code

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
