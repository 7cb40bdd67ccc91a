import { type Channel, encodeFrameHeader, FrameDecoder, frameType } from '@gpulab/contract'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'
import { Inbox } from './inbox.ts'

/** Says nothing, and is not passed on. */
export const idleFrame = encodeFrameHeader({ type: frameType.stdin, payload: new Uint8Array() })

/** A channel over a byte stream, with the stream's own back-pressure both ways. */
export function createStreamChannel(stream: Duplex): Channel {
  const closing = new AbortController()
  const decoder = new FrameDecoder()
  const inbox = new Inbox({
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    leave: () => void stream.destroy(),
  })
  stream.on('data', (chunk: Buffer) => {
    notePassed(chunk.length)
    try {
      for (const frame of decoder.push(chunk)) {
        if (frame.payload.length > 0) inbox.push(frame)
      }
    } catch (error) {
      inbox.close(error as Error)
      stream.destroy()
    }
  })
  stream.once('end', () => {
    try {
      decoder.finish()
      inbox.close()
    } catch (error) {
      inbox.close(error as Error)
    }
  })
  stream.on('error', (error) => inbox.close(error))
  stream.once('close', () => {
    const closed = new Error('The channel is closed')
    inbox.close(closed)
    closing.abort(closed)
  })
  return {
    incoming: inbox.read(),
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
