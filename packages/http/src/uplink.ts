import { GpulabError, toGpulabError, uplinkPath, uplinkProtocol } from '@gpulab/contract'
import { requireSecureUrl } from '@gpulab/transport'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2, { type ClientHttp2Session, type Http2Session } from 'node:http2'
import https, { type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Server } from './create-server.ts'

/** What a peer may send before we read: of one stream, and of all. */
const streamWindowBytes = 1 << 20
const windowBytes = 8 << 20
/** MiB; the default of 10 kills a session that has 150 unread streams. */
const maxSessionMemory = 512
/** Of a frame of HTTP/2; with the default of 16 KiB both ends spend more time on the same bytes. */
const maxFrameSize = 256 << 10
const settings = { initialWindowSize: streamWindowBytes, maxFrameSize, enablePush: false }
/**
 * The default takes the 33rd stream of a second that its caller leaves for an attack and ends the session, and with it
 * the traffic of everybody on the host. Callers are ours, and every visitor who leaves early makes them leave a stream.
 */
const resets = { streamResetBurst: 1_000_000, streamResetRate: 1_000_000 }
const refusalMaxCharacters = 1 << 16
const pingMs = 10_000
const pongsMissedMax = 2

/** Control plane's end: answers an upgrade request and speaks HTTP/2 as the client on its connection. */
export async function acceptUplink(socket: Duplex, head: Buffer): Promise<ClientHttp2Session> {
  const answer = `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${uplinkProtocol}\r\n\r\n`
  // To its end: with TLS that takes a moment, and Node aborts where HTTP/2 takes over in the middle of a write.
  await new Promise<void>((resolve, reject) => {
    socket.write(answer, (error) => (error ? reject(error) : resolve()))
  })
  if (head.length > 0) socket.unshift(head)
  closeAtEnd(socket)
  const session = http2.connect('http://host', { createConnection: () => socket, maxSessionMemory, settings })
  session.on('error', () => session.destroy())
  widen(session)
  return session
}

export interface DialOptions {
  /** Of the control plane. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly insecure?: boolean
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** Host's end: dials the control plane and gives the connection, on which the host then serves. */
export async function dialUplink({
  url,
  headers,
  insecure,
  signal,
  timeoutMs = 10_000,
}: DialOptions): Promise<Duplex> {
  requireSecureUrl(url, insecure)
  const request = (url.startsWith('https:') ? https : http).request({
    ...targetOf(url),
    headers: { ...headers, connection: 'Upgrade', upgrade: uplinkProtocol },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  request.once('error', (cause) =>
    reject(
      new GpulabError('api_unreachable', {
        cause,
        message: `The API at ${url} does not answer: ${cause.message}.`,
      }),
    ),
  )
  request.once('response', (response) => void refusal(response).then(reject, reject))
  request.once('upgrade', (_response, socket, head) => {
    if (head.length > 0) socket.unshift(head)
    resolve(socket)
  })
  request.end()
  return promise
}

function targetOf(url: string): RequestOptions {
  if (url.startsWith('unix:')) return { socketPath: url.slice('unix:'.length), path: uplinkPath }
  const { protocol, hostname, port, pathname } = new URL(url)
  return {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: pathname.replace(/\/$/, '') + uplinkPath,
  }
}

async function refusal(response: IncomingMessage): Promise<GpulabError> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > refusalMaxCharacters) break
  }
  return toGpulabError(
    response.statusCode ?? 500,
    await Promise.resolve(text)
      .then(JSON.parse)
      .catch(() => null),
  )
}

export interface UplinkServer {
  /** Serves on a dialled connection until it ends. */
  serve(socket: Duplex): Promise<void>
  /** Of connections that are open. */
  count(): number
  close(): void
}

/** Serves the routes of `app` over HTTP/2 on connections that this process dialled. */
export function createUplinkServer(app: Server): UplinkServer {
  const server = http2.createServer({ maxSessionMemory, settings, ...resets }, (request, response) =>
    // Fastify's router takes the HTTP/2 compatibility objects as they are.
    app.routing(request as never, response as never),
  )
  const sessions = new Set<Http2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('error', () => session.destroy())
    widen(session)
  })
  return {
    serve: async (socket) => {
      await app.ready()
      closeAtEnd(socket)
      // Agreed on by the upgrade: Node looks at what TLS has agreed on, and refuses anything else.
      if ('alpnProtocol' in socket) socket.alpnProtocol = 'h2'
      server.emit('connection', socket)
      if (!socket.destroyed) await once(socket, 'close').catch(() => {})
    },
    count: () => sessions.size,
    close: () => sessions.forEach((session) => session.destroy()),
  }
}

/** An HTTP/2 session goes on waiting on a connection that its peer has ended. */
function closeAtEnd(socket: Duplex): void {
  socket.once('end', () => socket.destroy())
}

/** HTTP/2 alone notices a dead peer too late; both ends ask. */
export function keepAlive(session: Http2Session): void {
  let missed = 0
  const timer = setInterval(() => {
    if (session.destroyed) return
    if (++missed > pongsMissedMax) {
      session.destroy(new Error('the peer does not answer'))
      return
    }
    session.ping((error) => {
      if (!error) missed = 0
    })
  }, pingMs)
  session.once('close', () => clearInterval(timer))
}

function widen(session: Http2Session): void {
  keepAlive(session)
  if (session.connecting) session.once('connect', () => session.setLocalWindowSize(windowBytes))
  else session.setLocalWindowSize(windowBytes)
}
