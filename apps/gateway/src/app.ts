import { GpulabError } from '@gpulab/contract'
import { runAsRequest, toRequestId } from '@gpulab/http'
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Deps } from './deps.ts'
import type { Route } from './metrics/metrics.ts'
import { type Answer, toAnswer, toRawAnswer } from './pages/answer-failure.ts'
import { servePort, upgradePort } from './ports/serve-port.ts'
import { toUpstreamFailure } from './ports/upstream-failure.ts'
import { type CheckedRequest, checkRequest } from './requests/check-request.ts'
import { toClient } from './requests/client-addresses.ts'
import type { Forwarding } from './requests/forward-headers.ts'
import { getHost } from './routes/read-route.ts'
import { serveTerminal } from './terminal/serve-terminal.ts'
import { serveToken } from './terminal/serve-token.ts'
import { isProtocolOfUplinks, isUplinkRequest, takeUplink } from './uplinks/take-uplink.ts'

const headerMaxBytes = 32 << 10
const headersTimeoutMs = 30_000
const keepAliveTimeoutMs = 75_000

/** The whole gateway, not yet listening. Node's own server: what it does to a request is all that is wanted. */
export function createApp(deps: Deps): Server {
  const options = {
    maxHeaderSize: headerMaxBytes,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Of the whole request: an upload may take for ever.
    requestTimeout: 0,
    noDelay: true,
    insecureHTTPParser: false,
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      headers.upgrade?.toLowerCase() === 'websocket' || isProtocolOfUplinks(headers),
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const reqId = toRequestId(request.headers)
    const call: Call = { route: 'none' }
    watch(deps, request, response, { reqId, call })
    runAsRequest(reqId, () => serve(deps, request, response, call)).catch((error: unknown) => {
      deps.log.debug({ err: error, reqId, host: request.headers.host }, 'request failed')
      answer(response, toAnswer(toFailure(deps, error, reqId), request.headers.accept, reqId))
    })
  }
  const server = deps.config.tls
    ? (createHttps({ ...options, ...deps.config.tls }, onRequest) as unknown as Server)
    : createHttp(options, onRequest)
  // All of them are looked at; how many there can be follows from their size.
  server.maxHeadersCount = 0
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const reqId = toRequestId(request.headers)
    runAsRequest(reqId, () => upgrade(deps, request, socket, head)).catch((error: unknown) => {
      deps.log.debug({ err: error, reqId, host: request.headers.host }, 'upgrade failed')
      end(socket, toRawAnswer(toAnswer(toFailure(deps, error, reqId), request.headers.accept, reqId)))
    })
  })
  server.on('clientError', (_error, socket) => {
    const failure = new GpulabError('invalid_request', { message: 'That is not an HTTP request.' })
    end(socket, toRawAnswer(toAnswer(failure, undefined, toRequestId({}))))
  })
  return server
}

/** What is learned of a request on its way. */
interface Call {
  route: Route
}

/** Counts a request until its answer has been passed on or cut off. */
function watch(
  { log, metrics, open, readiness }: Deps,
  { method = '' }: IncomingMessage,
  response: ServerResponse,
  { reqId, call }: { readonly reqId: string; readonly call: Call },
): void {
  const since = performance.now()
  open.add(response)
  // Its client comes on another connection, which a balancer takes elsewhere.
  if (readiness.isDraining()) response.shouldKeepAlive = false
  response.once('close', () => {
    open.delete(response)
    const code = String(response.statusCode)
    metrics.answered({ method, route: call.route, code, seconds: (performance.now() - since) / 1000 })
    // No path: it may hold a signed link.
    log.debug({ reqId, method, route: call.route, code, ms: performance.now() - since }, 'request completed')
  })
}

async function serve(
  deps: Deps,
  request: IncomingMessage,
  response: ServerResponse,
  call: Call,
): Promise<void> {
  const checked = check(deps, request)
  const { destination, host, path } = checked
  if (destination.kind !== 'nothing') call.route = destination.kind
  switch (destination.kind) {
    case 'gateway':
      return serveOwn(deps, path, response)
    case 'port':
      return servePort(
        deps,
        { ...destination, request, path, forwarding: toForwarding(deps, request, host) },
        response,
      )
    case 'terminal': {
      const forwarding = toForwarding(deps, request, host)
      if (path.split('?')[0] === '/token') {
        return serveToken(deps, { request, uuid: destination.uuid, forwarding }, response)
      }
      // A page for what is not there says so at once.
      if (path === '/') {
        const toll = deps.strangers(forwarding.addresses[0])
        getHost(await deps.routes.find(destination.uuid, toll))
      }
      return deps.page(path, request, response)
    }
    case 'nothing':
      throw nothingThere()
  }
}

async function upgrade(deps: Deps, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { destination, host, path } = check(deps, request)
  if (destination.kind !== 'nothing') socket.once('close', deps.metrics.upgraded(destination.kind))
  const forwarding = toForwarding(deps, request, host)
  const toll = deps.strangers(forwarding.addresses[0])
  if (destination.kind === 'gateway' && isUplinkRequest(request))
    return takeUplink(deps, request, { socket, head, toll })
  if (destination.kind === 'gateway' || destination.kind === 'nothing') throw nothingThere()
  if (request.method !== 'GET' || hasBody(request)) {
    throw new GpulabError('invalid_request', { message: 'A WebSocket begins with a GET without a body.' })
  }
  if (destination.kind === 'terminal') {
    if (path.split('?')[0] !== '/ws') throw nothingThere()
    return serveTerminal(deps, { request, socket, head, uuid: destination.uuid, host, toll })
  }
  return upgradePort(deps, { ...destination, request, path, forwarding }, socket, head)
}

function check({ config }: Pick<Deps, 'config'>, request: IncomingMessage): CheckedRequest {
  const checked = checkRequest(request, config.proxyUrl.hostname)
  if (typeof checked === 'string') throw new GpulabError('invalid_request', { message: checked })
  return checked
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined

function toForwarding({ config }: Pick<Deps, 'config'>, request: IncomingMessage, host: string): Forwarding {
  const { socket, headers } = request
  const peer = {
    address: socket.remoteAddress ?? '',
    isTls: (socket as Partial<TLSSocket>).encrypted === true,
  }
  return { host, ...toClient(peer, headers as Record<string, string>, config.trustedProxies) }
}

async function serveOwn(
  { readiness }: Pick<Deps, 'readiness'>,
  path: string,
  response: ServerResponse,
): Promise<void> {
  const tell = (status: number, word: string): void =>
    answer(response, {
      status,
      headers: { 'content-type': 'application/json' },
      body: `{"status":"${word}"}\n`,
    })
  if (path === '/healthz') return tell(200, 'ok')
  if (path !== '/readyz') throw nothingThere()
  const { ready } = await readiness.read()
  tell(ready ? 200 : 503, ready ? 'ready' : 'not_ready')
}

const nothingThere = (): GpulabError =>
  new GpulabError('route_not_found', {
    message: 'There is nothing at this address.',
    hint: 'gpulab inspect CONTAINER shows the addresses of its ports.',
  })

function toFailure(
  { log, metrics }: Pick<Deps, 'log' | 'metrics'>,
  error: unknown,
  reqId: string,
): GpulabError {
  const failure = toUpstreamFailure(error)
  metrics.failed(failure.code)
  if (failure.status === 500) log.error({ err: failure.cause ?? failure, reqId }, failure.message)
  return failure
}

/** Ends the connection where a body is still to come: nobody waits for it. */
function answer(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const leaves = response.req.complete ? {} : { connection: 'close' }
  // What the service has said may have been set already.
  const fields = { ...headers, ...leaves, 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, STATUS_CODES[status] ?? '', fields)
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

function end(socket: Duplex, text: string): void {
  if (socket.writable) socket.end(text, () => socket.destroy())
  else socket.destroy()
}
