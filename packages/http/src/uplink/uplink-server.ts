import { laneHeader, lanePath, laneProtocol, uplinkProtocol } from '@gpulab/contract'
import { once } from 'node:events'
import http2, { type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Server } from '../create-server.ts'
import { closeAtEnd, sessionOptions, tend } from './connection.ts'
import { dial, type DialOptions } from './dial.ts'

/**
 * The default takes the 33rd stream of a second that its caller leaves for an attack and ends the session, and with it
 * the traffic of everybody on the host. Callers are ours, and every visitor who leaves early makes them leave a stream.
 */
const resets = { streamResetBurst: 1_000_000, streamResetRate: 1_000_000 }

/** Host's end of an uplink. */
export interface Uplink {
  /** Resolves when it has ended. */
  readonly closed: Promise<void>
  destroy(): void
}

export interface UplinkServer {
  /** Dials the control plane or a gateway, and serves on the connection until it ends. */
  dial(options: DialOptions): Promise<Uplink>
  /** Of connections that are open. */
  count(): number
  close(): void
}

/** Serves the routes of `app` on connections that this process dials: HTTP/2 on uplinks, HTTP/1.1 on their lanes. */
export function createUplinkServer(app: Server): UplinkServer {
  const peers = new Map<Http2Session, DialOptions>()
  const server = http2.createServer({ ...sessionOptions, ...resets }, (request, response) => {
    if (request.method === 'POST' && request.url === lanePath) void openLane(request, response)
    // Fastify's router takes the HTTP/2 compatibility objects as they are.
    else app.routing(request as never, response as never)
  })

  const openLane = async ({ stream, headers }: Http2ServerRequest, response: Http2ServerResponse) => {
    const { session } = stream
    const peer = session && peers.get(session)
    const token = headers[laneHeader]
    try {
      if (!peer || typeof token !== 'string') throw new Error('no lane was asked for')
      const socket = await dial(laneProtocol, { ...peer, headers: { [laneHeader]: token } })
      endTogether(session, socket)
      // Whoever is done sending may still be waiting.
      socket.allowHalfOpen = true
      app.server.emit('connection', socket)
      response.writeHead(204).end()
    } catch {
      response.writeHead(502).end()
    }
  }

  return {
    dial: async (options) => {
      await app.ready()
      const socket = await dial(uplinkProtocol, options)
      closeAtEnd(socket)
      // Agreed on by the upgrade: Node looks at what TLS has agreed on, and refuses anything else.
      if ('alpnProtocol' in socket) socket.alpnProtocol = 'h2'
      server.once('session', (session) => {
        peers.set(session, options)
        session.once('close', () => peers.delete(session))
        tend(session)
      })
      server.emit('connection', socket)
      return {
        closed: socket.destroyed ? Promise.resolve() : once(socket, 'close').then(ignore, ignore),
        destroy: () => socket.destroy(),
      }
    },
    count: () => peers.size,
    close: () => peers.forEach((_peer, session) => session.destroy()),
  }
}

const ignore = (): void => {}

/** A lane is as good as its uplink, whose pings tell whether its peer is there, and whose end may be a verdict. */
export function endTogether(session: Http2Session, lane: Duplex): void {
  // With an error: what has come so far is not the whole.
  const cut = Object.assign(new Error('The uplink has ended'), { code: 'ECONNRESET' })
  const end = (): void => void lane.destroy(cut)
  lane.on('error', () => {})
  if (session.destroyed) end()
  session.once('close', end)
  lane.once('close', () => session.off('close', end))
}
