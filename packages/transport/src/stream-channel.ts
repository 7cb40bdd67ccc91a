import { type Channel, encodeFrameHeader, type Frame, FrameDecoder, frameType } from '@gpulab/contract'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'
import { Inbox } from './inbox.ts'

/** Says nothing, and is not passed on. */
export const idleFrame = encodeFrameHeader({ type: frameType.stdin, payload: new Uint8Array() })

/** Copying so little is cheaper than writing two parts. */
const joinMaxBytes = 4096
const hasRoom = Promise.resolve()

/** A channel over a byte stream, with the stream's own back-pressure both ways. */
export function createStreamChannel(stream: Duplex): Channel {
  const closing = new AbortController()
  /** One wait for all senders. */
  let room: PromiseWithResolvers<void> | undefined
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
    room?.reject(closed)
    closing.abort(closed)
  })
  stream.on('drain', () => {
    room?.resolve()
    room = undefined
  })
  return {
    incoming: inbox.read(),
    send: (frame) => {
      if (stream.writableEnded || stream.destroyed) return Promise.reject(new Error('The channel is closed'))
      return write(stream, frame) ? hasRoom : (room ??= Promise.withResolvers()).promise
    },
    end: async () => {
      if (stream.destroyed) return
      stream.end()
      if (!stream.writableFinished) await once(stream, 'finish', { signal: closing.signal })
    },
    destroy: (error) => void stream.destroy(error),
  }
}

/** Without a copy of a large payload; more of them in one turn go out as one. */
function write(stream: Duplex, frame: Frame): boolean {
  const header = encodeFrameHeader(frame)
  if (frame.payload.length <= joinMaxBytes) return stream.write(join(header, frame.payload))
  if (stream.writableCorked === 0) {
    stream.cork()
    process.nextTick(uncork, stream)
  }
  stream.write(header)
  return stream.write(frame.payload)
}

function join(header: Uint8Array, payload: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(header.length + payload.length)
  whole.set(header)
  whole.set(payload, header.length)
  return whole
}

const uncork = (stream: Duplex): void => stream.uncork()
