import { type Channel, type Frame, frameType, parseControl, toControlFrame } from '@gpulab/contract'
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'

/**
 * Server's end of a channel to a port, over a connection that carries its bytes and nothing else: `eof` is the end of a
 * side, and what was cut is reset.
 */
export function createByteChannel(socket: Duplex): Channel {
  const closing = new AbortController()
  socket.once('close', () => closing.abort(new Error('The channel is closed')))
  async function* read(): AsyncGenerator<Frame> {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      notePassed(chunk.length)
      yield { type: frameType.stdin, payload: chunk }
    }
    yield toControlFrame({ type: 'eof' })
    if (!socket.closed) await once(socket, 'close')
  }
  const end = async (): Promise<void> => {
    if (socket.destroyed) return
    socket.end()
    if (!socket.writableFinished) await once(socket, 'finish', { signal: closing.signal })
  }
  return {
    incoming: read(),
    send: async (frame) => {
      if (frame.type === frameType.control) {
        if (parseControl(frame).type === 'eof') return end()
        return reset(socket)
      }
      if (socket.writableEnded || socket.destroyed) throw new Error('The channel is closed')
      if (!socket.write(frame.payload)) await once(socket, 'drain', { signal: closing.signal })
    },
    end,
    destroy: () => reset(socket),
  }
}

/** So that half of it is not taken for all. TLS has no reset: there, what was cut ends without a goodbye. */
function reset(socket: Duplex): void {
  const isPlain = socket instanceof Socket && !('encrypted' in socket) && socket.remoteAddress !== undefined
  if (isPlain) socket.resetAndDestroy()
  else socket.destroy()
}
