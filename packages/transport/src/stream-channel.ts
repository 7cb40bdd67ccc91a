import { type Channel, encodeFrame, type Frame, FrameDecoder } from '@gpulab/contract'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'

/** A channel over a byte stream, with the stream's own back-pressure both ways. */
export function createStreamChannel(stream: Duplex): Channel {
  const closing = new AbortController()
  stream.once('close', () => closing.abort(new Error('The channel is closed')))
  async function* read(): AsyncGenerator<Frame> {
    const decoder = new FrameDecoder()
    for await (const chunk of stream) yield* decoder.push(chunk as Uint8Array)
    decoder.finish()
  }
  return {
    incoming: read(),
    send: async (frame) => {
      if (stream.writableEnded || stream.destroyed) throw new Error('The channel is closed')
      if (!stream.write(encodeFrame(frame))) await once(stream, 'drain', { signal: closing.signal })
    },
    end: async () => {
      if (stream.destroyed) return
      stream.end()
      if (!stream.writableFinished) await once(stream, 'finish', { signal: closing.signal })
    },
    destroy: (error) => void stream.destroy(error),
  }
}
