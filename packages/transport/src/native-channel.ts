import { type Channel, decodeMessage } from '@gpulab/contract'
import { encodeMessage } from './encode-message.ts'
import { Inbox } from './inbox.ts'

/** Bun's WebSocket, as far as it is used: it has more than the standard's. */
export interface NativeSocket {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  addEventListener(type: string, listener: (event: { readonly data: Buffer | string }) => void): void
  send(data: Uint8Array): void
  close(code: number, reason?: string): void
  terminate(): void
}

const queueMaxBytes = 256 << 10
/** Servers ping every 15 s. */
const silenceMaxMs = 40_000
const drainMs = 5

/** A channel over Bun's own WebSocket, one frame a message. It can't be paused: see the transport. */
export function createNativeChannel(socket: NativeSocket): Channel {
  socket.binaryType = 'nodebuffer'
  const inbox = new Inbox({ pause: () => {}, resume: () => {}, leave: () => {} })
  let heardMs = performance.now()
  const hear = (): void => {
    heardMs = performance.now()
  }
  socket.addEventListener('message', ({ data }) => {
    hear()
    try {
      inbox.push(decodeMessage(typeof data === 'string' ? Buffer.from(data) : data))
    } catch (error) {
      inbox.close(error as Error)
      socket.close(1003, 'unknown frame')
    }
  })
  socket.addEventListener('ping', hear)
  socket.addEventListener('error', () => inbox.close(new Error('The WebSocket failed')))
  // A server that has vanished without a word.
  const watch = setInterval(() => {
    if (performance.now() - heardMs > silenceMaxMs) socket.terminate()
  }, silenceMaxMs / 8)
  watch.unref()
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  socket.addEventListener('close', () => {
    clearInterval(watch)
    onClosed()
    inbox.close()
  })

  return {
    incoming: inbox.read(),
    send: async (frame) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error('The WebSocket is closed')
      socket.send(encodeMessage(frame))
      // Bun tells of no drain.
      while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount >= queueMaxBytes)
        await new Promise((resolve) => setTimeout(resolve, drainMs))
    },
    end: async () => {
      if (socket.readyState === WebSocket.CLOSED) return
      socket.close(1000)
      await closed
    },
    destroy: () => socket.terminate(),
  }
}
