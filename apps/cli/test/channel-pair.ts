import type { Channel, Frame } from '@gpulab/contract'

/** Two ends of a connection that is cut after so many frames, both ways together; what is under way then is lost. */
export function createChannelPair(cutAfter = Number.POSITIVE_INFINITY): { near: Channel; far: Channel } {
  let left = cutAfter
  const ends = [new End(), new End()] as const
  const cut = (): void => ends.forEach((end) => end.close(true))
  const toChannel = (own: End, other: End): Channel => ({
    incoming: own.read(),
    send: async (frame) => {
      if (other.isClosed) throw new Error('The channel is closed')
      if (left-- <= 0) {
        cut()
        throw new Error('The channel was cut')
      }
      other.add(frame)
      // As a network: somebody else's turn.
      await new Promise((resolve) => setImmediate(resolve))
    },
    end: async () => other.close(false),
    destroy: cut,
  })
  return { near: toChannel(ends[0], ends[1]), far: toChannel(ends[1], ends[0]) }
}

class End {
  isClosed = false
  readonly #frames: Frame[] = []
  #changed = Promise.withResolvers<void>()

  add(frame: Frame): void {
    this.#frames.push(frame)
    this.#changed.resolve()
  }

  close(isCut: boolean): void {
    this.isClosed = true
    if (isCut) this.#frames.length = 0
    this.#changed.resolve()
  }

  async *read(): AsyncGenerator<Frame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) yield frame
      else if (this.isClosed) return
      else {
        await this.#changed.promise
        this.#changed = Promise.withResolvers()
      }
    }
  }
}
