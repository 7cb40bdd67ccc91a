import {
  type Channel,
  decodeMessage,
  encodeMessage,
  type Frame,
  framePayloadMaxBytes,
  GpulabError,
} from '@gpulab/contract'
import { createStreamChannel } from '@gpulab/transport'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Http2ServerRequest } from 'node:http2'
import { type WebSocket, WebSocketServer } from 'ws'
import { takeUpgrade } from './upgrades.ts'

/** Makes a request's connection a channel: an HTTP/2 stream as it is, HTTP/1.1 by a WebSocket handshake. */
export async function openChannel(request: FastifyRequest, reply: FastifyReply): Promise<Channel> {
  if (request.raw.httpVersionMajor === 2) {
    const { stream } = request.raw as unknown as Http2ServerRequest
    reply.hijack()
    stream.respond({ ':status': 200 })
    return createStreamChannel(stream)
  }
  const upgrade = takeUpgrade(request, 'websocket')
  if (!upgrade) throw new GpulabError('invalid_request', { message: 'This endpoint is a WebSocket.' })
  reply.hijack()
  return new Promise((resolve) => {
    const server = new WebSocketServer({
      noServer: true,
      maxPayload: framePayloadMaxBytes + 1,
      perMessageDeflate: false,
    })
    server.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (socket) =>
      resolve(createSocketChannel(socket)),
    )
  })
}

/** A channel over a WebSocket, one frame a message; a slow reader pauses the socket. */
export function createSocketChannel(socket: WebSocket): Channel {
  const arrived: Frame[] = []
  let wake: (() => void) | undefined
  let failure: Error | undefined
  let ended = false
  const settle = (): void => {
    wake?.()
    wake = undefined
  }
  socket.on('message', (data: Buffer) => {
    try {
      arrived.push(decodeMessage(data))
      socket.pause()
    } catch (error) {
      failure = error as Error
      socket.close(1003, 'unknown frame')
    }
    settle()
  })
  socket.on('error', (error) => {
    failure = error
    settle()
  })
  socket.on('close', () => {
    ended = true
    settle()
  })

  async function* read(): AsyncGenerator<Frame> {
    for (;;) {
      const frame = arrived.shift()
      if (frame) {
        yield frame
        continue
      }
      if (failure) throw failure
      if (ended) return
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      socket.resume()
      await promise
    }
  }

  return {
    incoming: read(),
    // The callback comes when the message has left for the kernel: that is the back-pressure.
    send: (frame) =>
      new Promise((resolve, reject) => {
        socket.send(encodeMessage(frame), (error) => (error ? reject(error) : resolve()))
      }),
    end: () =>
      new Promise((resolve) => {
        if (ended) return resolve()
        socket.once('close', () => resolve())
        socket.close(1000)
      }),
    destroy: () => socket.terminate(),
  }
}
