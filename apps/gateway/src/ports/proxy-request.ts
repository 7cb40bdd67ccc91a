import {
  type ClientRequest,
  type IncomingMessage,
  request as sendRequest,
  type ServerResponse,
} from 'node:http'
import { type Forwarding, toClientHeaders, toUpstreamHeaders } from '../requests/forward-headers.ts'
import { valuesOf } from '../requests/check-request.ts'
import { carry } from './carry.ts'
import { checkAnswer, switchedUnasked } from './check-answer.ts'
import { answerTimedOut } from './upstream-failure.ts'
import type { Target, UpstreamPool } from './upstream-pool.ts'

export interface ProxyRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  readonly path: string
  readonly forwarding: Forwarding
}

interface Options {
  readonly pool: UpstreamPool
  readonly answerTimeoutMs: number
}

/** Of an answer's header; containers' own cookies can be many. */
const answerHeaderMaxBytes = 64 << 10

/**
 * Passes a request to a container's port, and its answer back. Rejects where no answer has begun; after that a
 * failure cuts the client's connection, so that it is not taken for the end.
 */
export async function proxyRequest(call: ProxyRequest, options: Options): Promise<void> {
  try {
    await attempt(call, options)
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error
    // The service had closed a connection that was kept. What has no body and changes nothing can be sent again.
    await attempt(call, options)
  }
}

class StaleConnection extends Error {}

const isSafe = ({ request }: ProxyRequest): boolean =>
  ['GET', 'HEAD', 'OPTIONS'].includes(request.method ?? '') && !hasBody(request)

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

function attempt(call: ProxyRequest, { pool, answerTimeoutMs }: Options): Promise<void> {
  const { request, response, target, path, forwarding } = call
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = toUpstreamHeaders(request.rawHeaders, forwarding)
  const isChunked = valuesOf(request.rawHeaders, 'transfer-encoding').length > 0
  if (isChunked) headers.push('Transfer-Encoding', 'chunked')
  const outgoing = sendRequest({
    agent: pool.agent,
    socketPath: pool.toPath(target),
    method: request.method ?? 'GET',
    path,
    headers,
    setDefaultHeaders: false,
    maxHeaderSize: answerHeaderMaxBytes,
  })
  const timer = setTimeout(() => outgoing.destroy(answerTimedOut(answerTimeoutMs)), answerTimeoutMs)
  const leave = (): void => void outgoing.destroy()
  response.once('close', leave)
  outgoing.on('error', (error) => {
    clearTimeout(timer)
    response.off('close', leave)
    // The client has left: nobody is to be told.
    if (response.destroyed) resolve()
    else if (response.headersSent) response.destroy()
    else reject(isStale(outgoing, error) && isSafe(call) ? new StaleConnection() : error)
  })
  outgoing.once('upgrade', (_answer, upstream) => {
    clearTimeout(timer)
    upstream.destroy()
    reject(switchedUnasked())
  })
  outgoing.once('response', (answer) => {
    clearTimeout(timer)
    try {
      checkAnswer(answer)
    } catch (error) {
      outgoing.destroy()
      reject(error)
      return
    }
    passBack(answer, response)
    answer.once('close', () => {
      if (!answer.complete) response.destroy()
      resolve()
    })
  })
  if (hasBody(request)) carry(request, outgoing, leave)
  else outgoing.end()
  return promise
}

const isStale = ({ reusedSocket }: ClientRequest, error: NodeJS.ErrnoException): boolean =>
  reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')

function passBack(answer: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, toClientHeaders(answer.rawHeaders))
  // At once, unless the body comes at the same moment and can go with it.
  setImmediate(() => {
    if (!response.destroyed) response.flushHeaders()
  })
  carry(answer, response, () => response.destroy())
}
