import {
  type Channel,
  GpulabError,
  isRepeatable,
  toGpulabError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '@gpulab/contract'
import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { collectAsBytesPass } from './collect-as-bytes-pass.ts'
import { endSilent } from './end-silent.ts'
import { exchange } from './exchange.ts'
import { outcomeUnknown, unreachable } from './failures.ts'
import { readRefusal } from './read-refusal.ts'
import { requireSecureUrl } from './secure-url.ts'
import { createSocketChannel, socketOptions } from './socket-channel.ts'

// An import statement of node:http loads all of undici (44 ms of a CLI's start); this does not.
const http = process.getBuiltinModule('node:http')

export interface HttpTransportOptions {
  /** `http://`, `https://`, or `unix:/path/to/socket`. */
  readonly url: string
  /** Lets credentials go over plain http to other machines. */
  readonly insecure?: boolean
}

const defaultTimeoutMs = 30_000

/**
 * Requests over HTTP/1.1 with kept-alive connections. Any failure to get an answer is `api_unreachable`, or
 * `outcome_unknown` once a request that must not be repeated has been sent.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const endpoint = toEndpoint(requireSecureUrl(options.url, options.insecure))
  const agent = endpoint.createAgent()

  const request = (call: TransportRequest): Promise<TransportResponse> =>
    exchange(call, {
      timeoutMs: defaultTimeoutMs,
      start: () =>
        endpoint.request({
          ...endpoint.options,
          agent,
          method: call.method,
          path: endpoint.basePath + call.path,
          headers: call.headers,
        }),
      onLate: () => dropIdle(agent),
      toFailure: (cause, isSent) =>
        (isSent && !isRepeatable(call.method) ? outcomeUnknown : unreachable)(options.url, cause),
    })

  const connect = async (call: TransportRequest): Promise<Channel> => {
    call.signal?.throwIfAborted()
    const { WebSocket } = await import('ws')
    collectAsBytesPass()
    const socket = new WebSocket(endpoint.socketUrl + call.path, {
      ...socketOptions,
      // Masks keep scripts in browsers from forging what caches see; here they would only cost both ends time.
      generateMask: (mask) => void mask.fill(0),
      // A connection that a request has left open saves the time to make one.
      agent,
      headers: call.headers,
      handshakeTimeout: call.timeoutMs ?? defaultTimeoutMs,
    })
    // Before it is open: frames may come with the answer.
    const channel = createSocketChannel(socket)
    endSilent(socket)
    const abort = (): void => socket.terminate()
    call.signal?.addEventListener('abort', abort, { once: true })
    socket.once('close', () => call.signal?.removeEventListener('abort', abort))
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | undefined>()
    socket.once('open', () => resolve(undefined))
    socket.once('unexpected-response', (_request, response) => resolve(response)).once('error', reject)
    try {
      const refusal = await promise
      if (!refusal) return channel
      throw toGpulabError(refusal.statusCode ?? 500, await readRefusal(refusal))
    } catch (error) {
      socket.terminate()
      call.signal?.throwIfAborted()
      throw error instanceof GpulabError ? error : unreachable(options.url, error)
    }
  }

  return { request, connect }
}

/** What cut one connection off without a word has cut off those that wait too. */
function dropIdle({ freeSockets }: Agent): void {
  for (const socket of Object.values(freeSockets).flat()) socket?.destroy()
}

interface HttpEndpoint {
  readonly options: RequestOptions
  readonly basePath: string
  /** In front of the path of an upgrade to a WebSocket. */
  readonly socketUrl: string
  readonly request: (options: RequestOptions) => ClientRequest
  readonly createAgent: () => Agent
}

function toEndpoint(url: string): HttpEndpoint {
  if (url.startsWith('unix:')) {
    return {
      options: { socketPath: url.slice('unix:'.length) },
      basePath: '',
      // Its path is cut from that of the request at the colon.
      socketUrl: `ws+unix:${url.slice('unix:'.length)}:`,
      request: http.request,
      createAgent: () => new http.Agent({ keepAlive: true }),
    }
  }
  const { protocol, hostname, port, pathname } = new URL(url)
  const options = { hostname: hostname.replace(/^\[|\]$/g, ''), ...(port !== '' && { port }) }
  const basePath = pathname.replace(/\/$/, '')
  if (protocol === 'http:') {
    return {
      options,
      basePath,
      socketUrl: toSocketUrl(url),
      request: http.request,
      createAgent: () => new http.Agent({ keepAlive: true }),
    }
  }
  const https = process.getBuiltinModule('node:https')
  return {
    options,
    basePath,
    socketUrl: toSocketUrl(url),
    request: https.request,
    createAgent: () => new https.Agent({ keepAlive: true }),
  }
}

const toSocketUrl = (url: string): string => url.replace(/^http/, 'ws').replace(/\/$/, '')
