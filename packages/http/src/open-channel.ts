import { type Channel, framesProtocol, GpulabError } from '@gpulab/contract'
import { createSocketChannel, socketOptions, StreamChannel } from '@gpulab/transport'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { switchProtocol } from './uplink/connection.ts'
import { takeUpgrade } from './upgrades.ts'

/** Proxies close connections that are quiet for longer. */
const pingMs = 15_000
const lingerMs = 5000

/** Makes a request's connection a channel: an HTTP/2 stream as it is, HTTP/1.1 by an upgrade to frames or a WebSocket. */
export async function openChannel(request: FastifyRequest, reply: FastifyReply): Promise<Channel> {
  if (request.raw.httpVersionMajor === 2) {
    const { stream } = request.raw as unknown as Http2ServerRequest
    reply.hijack()
    stream.respond({ ':status': 200 })
    return new StreamChannel(stream)
  }
  const bare = takeUpgrade(request, framesProtocol)
  if (bare) {
    reply.hijack()
    tellOfLoss(bare.socket)
    await switchProtocol(bare.socket, bare.head, framesProtocol)
    endBothWays(bare.socket)
    return new StreamChannel(bare.socket, { idleMs: pingMs })
  }
  const upgrade = takeUpgrade(request, 'websocket')
  if (!upgrade) throw new GpulabError('invalid_request', { message: 'This endpoint is a WebSocket.' })
  reply.hijack()
  tellOfLoss(upgrade.socket)
  return new Promise((resolve, reject) => {
    // Gone already, or refused: then the server never calls back.
    const leave = (): void => reject(new DOMException('The caller is gone', 'AbortError'))
    if (upgrade.socket.destroyed) leave()
    upgrade.socket.once('close', leave)
    const server = new WebSocketServer({ ...socketOptions, noServer: true })
    server.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (socket) => {
      keepBusy(socket)
      resolve(createSocketChannel(socket))
    })
  })
}

/** The kernel then tells of a peer that is gone without a word, whether or not anything is being read. */
function tellOfLoss(socket: Duplex): void {
  ;(socket as Partial<Socket>).setKeepAlive?.(true, pingMs)
}

/** No answer is waited for: a client whose own reader is slow has stopped reading. */
function keepBusy(socket: WebSocket): void {
  const timer = setInterval(() => {
    if (socket.readyState === socket.OPEN) socket.ping()
  }, pingMs)
  socket.once('close', () => clearInterval(timer))
}

/** A lane ends both ways at once. */
function endBothWays(socket: Duplex): void {
  socket.allowHalfOpen = false
  // What the other side still sends is read no more.
  socket.once('finish', () => setTimeout(() => socket.destroy(), lingerMs).unref())
}
