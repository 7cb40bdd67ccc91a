import { type Channel, encodeFrameHeader, type Frame, FrameDecoder } from '@gpulab/contract'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'

/** A channel over a byte stream, with the stream's own back-pressure both ways. */
export function createStreamChannel(stream: Duplex): Channel {
  const closing = new AbortController()
  stream.once('close', () => closing.abort(new Error('The channel is closed')))
  async function* read(): AsyncGenerator<Frame> {
    const decoder = new FrameDecoder()
    let hasEnded = false
    try {
      // Of itself, the iterator of a socket would end what we send when the peer has ended what it sends.
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        notePassed(chunk.length)
        yield* decoder.push(chunk)
      }
      hasEnded = true
    } finally {
      if (!hasEnded) stream.destroy()
    }
    decoder.finish()
  }
  return {
    incoming: read(),
    send: async (frame) => {
      if (stream.writableEnded || stream.destroyed) throw new Error('The channel is closed')
      const hasRoom = write(stream, encodeFrameHeader(frame), frame.payload)
      if (!hasRoom) await once(stream, 'drain', { signal: closing.signal })
    },
    end: async () => {
      if (stream.destroyed) return
      stream.end()
      if (!stream.writableFinished) await once(stream, 'finish', { signal: closing.signal })
    },
    destroy: (error) => void stream.destroy(error),
  }
}

/** As one, without a copy of the payload. */
function write(stream: Duplex, header: Uint8Array, payload: Uint8Array): boolean {
  stream.cork()
  stream.write(header)
  const hasRoom = payload.length > 0 ? stream.write(payload) : !stream.writableNeedDrain
  stream.uncork()
  return hasRoom
}
