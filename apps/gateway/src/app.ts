import { GpulabError } from '@gpulab/contract'
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Deps } from './deps.ts'
import { type Answer, toAnswer, toRawAnswer } from './pages/answer-failure.ts'
import { servePort, upgradePort } from './ports/serve-port.ts'
import { toUpstreamFailure } from './ports/upstream-failure.ts'
import { type CheckedRequest, checkRequest } from './requests/check-request.ts'
import { toClient } from './requests/client-addresses.ts'
import type { Forwarding } from './requests/forward-headers.ts'
import { getHost } from './routes/read-route.ts'
import { serveTerminal } from './terminal/serve-terminal.ts'
import { serveToken } from './terminal/serve-token.ts'
import { isUplinkRequest, takeUplink } from './uplinks/take-uplink.ts'

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
      headers.upgrade?.toLowerCase() === 'websocket' || headers.upgrade?.toLowerCase() === 'gpulab-uplink',
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(deps, request, response).catch((error: unknown) => {
      deps.log.debug({ err: error, host: request.headers.host }, 'request failed')
      answer(response, toAnswer(toFailure(deps, error), request.headers.accept))
    })
  }
  const server = deps.config.tls
    ? (createHttps({ ...options, ...deps.config.tls }, onRequest) as unknown as Server)
    : createHttp(options, onRequest)
  // All of them are looked at; how many there can be follows from their size.
  server.maxHeadersCount = 0
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    upgrade(deps, request, socket, head).catch((error: unknown) => {
      deps.log.debug({ err: error, host: request.headers.host }, 'upgrade failed')
      end(socket, toRawAnswer(toAnswer(toFailure(deps, error), request.headers.accept)))
    })
  })
  server.on('clientError', (_error, socket) => {
    const failure = new GpulabError('invalid_request', { message: 'That is not an HTTP request.' })
    end(socket, toRawAnswer(toAnswer(failure, undefined)))
  })
  return server
}

async function serve(deps: Deps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const checked = check(deps, request)
  const { destination, host, path } = checked
  switch (destination.kind) {
    case 'gateway':
      return serveOwn(path, response)
    case 'port':
      return servePort(
        deps,
        { ...destination, request, path, forwarding: toForwarding(deps, request, host) },
        response,
      )
    case 'terminal':
      if (path.split('?')[0] === '/token') {
        return serveToken(
          deps,
          { request, uuid: destination.uuid, forwarding: toForwarding(deps, request, host) },
          response,
        )
      }
      // A page for what is not there says so at once.
      if (path === '/') getHost(await deps.routes.find(destination.uuid))
      return deps.page(path, request, response)
    case 'nothing':
      throw nothingThere()
  }
}

async function upgrade(deps: Deps, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { destination, host, path } = check(deps, request)
  if (destination.kind === 'gateway' && isUplinkRequest(request))
    return takeUplink(deps, request, socket, head)
  if (destination.kind === 'gateway' || destination.kind === 'nothing') throw nothingThere()
  if (request.method !== 'GET' || hasBody(request)) {
    throw new GpulabError('invalid_request', { message: 'A WebSocket begins with a GET without a body.' })
  }
  if (destination.kind === 'terminal') {
    if (path.split('?')[0] !== '/ws') throw nothingThere()
    return serveTerminal(deps, { request, socket, head, uuid: destination.uuid, host })
  }
  const forwarding = toForwarding(deps, request, host)
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

function serveOwn(path: string, response: ServerResponse): void {
  if (path !== '/healthz') throw nothingThere()
  answer(response, {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"status":"ok"}\n',
  })
}

const nothingThere = (): GpulabError =>
  new GpulabError('route_not_found', {
    message: 'There is nothing at this address.',
    hint: 'gpulab inspect CONTAINER shows the addresses of its ports.',
  })

function toFailure({ log }: Pick<Deps, 'log'>, error: unknown): GpulabError {
  const failure = toUpstreamFailure(error)
  if (failure.status === 500) log.error({ err: failure.cause ?? failure }, failure.message)
  return failure
}

/** Ends the connection where a body is still to come: nobody waits for it. */
function answer(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const leaves = response.req.complete ? {} : { connection: 'close' }
  response.writeHead(status, { ...headers, ...leaves, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

function end(socket: Duplex, text: string): void {
  if (socket.writable) socket.end(text, () => socket.destroy())
  else socket.destroy()
}
