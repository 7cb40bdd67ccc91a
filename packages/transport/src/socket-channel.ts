import { type Channel, decodeMessage, type Frame, framePayloadMaxBytes } from '@gpulab/contract'
import type { WebSocket } from 'ws'
import { notePassed } from './collect-as-bytes-pass.ts'
import { writeMessage } from './write-message.ts'

/** What a WebSocket that becomes a channel is made with, on either side. */
export const socketOptions = { maxPayload: framePayloadMaxBytes + 1, perMessageDeflate: false } as const

/** Of frames that have come and wait for their reader, and of those that wait for the network. */
const queueMaxBytes = 256 << 10

/** A channel over a WebSocket, one frame a message; a slow reader pauses the socket. */
export function createSocketChannel(socket: WebSocket): Channel {
  const arrived: Frame[] = []
  let arrivedBytes = 0
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
      arrivedBytes += data.length
      notePassed(data.length)
      if (arrivedBytes >= queueMaxBytes) socket.pause()
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
        arrivedBytes -= 1 + frame.payload.length
        yield frame
        if (socket.isPaused && arrivedBytes < queueMaxBytes) socket.resume()
        continue
      }
      if (failure) throw failure
      if (ended) return
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
  }

  return {
    incoming: read(),
    send: (frame) =>
      new Promise((resolve, reject) => {
        // The callback comes when the message has left for the kernel.
        writeMessage(socket, frame, (error) => (error ? reject(error) : resolve()))
        if (socket.readyState === socket.OPEN && socket.bufferedAmount < queueMaxBytes) resolve()
      }),
    end: () =>
      new Promise((resolve) => {
        if (ended) return resolve()
        socket.once('close', () => resolve())
        // What was not read must not keep the peer's answer from being heard.
        socket.resume()
        socket.close(1000)
      }),
    destroy: () => socket.terminate(),
  }
}
