import { type Channel, decodeMessage, framePayloadMaxBytes } from '@gpulab/contract'
import type { WebSocket } from 'ws'
import { notePassed } from './collect-as-bytes-pass.ts'
import { Inbox } from './inbox.ts'
import { writeMessage } from './write-message.ts'

/** What a WebSocket that becomes a channel is made with, on either side. */
export const socketOptions = { maxPayload: framePayloadMaxBytes + 1, perMessageDeflate: false } as const

/** Of frames that wait for the network. */
const queueMaxBytes = 256 << 10

/** A channel over a WebSocket, one frame a message; a slow reader pauses the socket. */
export function createSocketChannel(socket: WebSocket): Channel {
  const inbox = new Inbox({
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    leave: () => {},
  })
  socket.on('message', (data: Buffer) => {
    notePassed(data.length)
    try {
      inbox.push(decodeMessage(data))
    } catch (error) {
      inbox.close(error as Error)
      socket.close(1003, 'unknown frame')
    }
  })
  socket.on('error', (error) => inbox.close(error))
  socket.on('close', () => inbox.close())

  return {
    incoming: inbox.read(),
    send: (frame) =>
      new Promise((resolve, reject) => {
        // The callback comes when the message has left for the kernel.
        writeMessage(socket, frame, (error) => (error ? reject(error) : resolve()))
        if (socket.readyState === socket.OPEN && socket.bufferedAmount < queueMaxBytes) resolve()
      }),
    end: () =>
      new Promise((resolve) => {
        if (socket.readyState === socket.CLOSED) return resolve()
        socket.once('close', () => resolve())
        // What was not read must not keep the peer's answer from being heard.
        socket.resume()
        socket.close(1000)
      }),
    destroy: () => socket.terminate(),
  }
}
