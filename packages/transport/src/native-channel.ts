import { type Channel, decodeMessage, type Frame } from '@gpulab/contract'
import { encodeMessage } from './encode-message.ts'

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
  const arrived: Frame[] = []
  let wake: (() => void) | undefined
  let failure: Error | undefined
  let ended = false
  let heardMs = performance.now()
  const settle = (): void => {
    wake?.()
    wake = undefined
  }
  const hear = (): void => {
    heardMs = performance.now()
  }
  socket.addEventListener('message', ({ data }) => {
    hear()
    try {
      arrived.push(decodeMessage(typeof data === 'string' ? Buffer.from(data) : data))
    } catch (error) {
      failure = error as Error
      socket.close(1003, 'unknown frame')
    }
    settle()
  })
  socket.addEventListener('ping', hear)
  socket.addEventListener('error', () => {
    failure ??= new Error('The WebSocket failed')
    settle()
  })
  // A server that has vanished without a word.
  const watch = setInterval(() => {
    if (performance.now() - heardMs > silenceMaxMs) socket.terminate()
  }, silenceMaxMs / 8)
  watch.unref()
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  socket.addEventListener('close', () => {
    ended = true
    clearInterval(watch)
    onClosed()
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
      await promise
    }
  }

  return {
    incoming: read(),
    send: async (frame) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error('The WebSocket is closed')
      socket.send(encodeMessage(frame))
      // Bun tells of no drain.
      while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount >= queueMaxBytes)
        await new Promise((resolve) => setTimeout(resolve, drainMs))
    },
    end: async () => {
      if (ended) return
      socket.close(1000)
      await closed
    },
    destroy: () => socket.terminate(),
  }
}
