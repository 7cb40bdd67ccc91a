import { orAbort } from '@gpulab/transport/or-abort'

/** One of those who watch a stream. Leaves when it is disposed of. */
export interface Watcher<T> extends Disposable {
  /** The newest item there is. */
  newest(): T | undefined
  /** The newest item that this watcher has not had yet, or undefined at the end. Rejects with what ended the stream. */
  next(signal: AbortSignal): Promise<T | undefined>
}

export interface SharedStreams<T> {
  join(key: string): Watcher<T>
}

/** Lets any number of watchers share one stream for each key, which runs as long as somebody watches it. */
export function createSharedStreams<T>(
  open: (key: string, signal: AbortSignal) => AsyncIterable<T>,
): SharedStreams<T> {
  const streams = new Map<string, SharedStream<T>>()
  return {
    join: (key) => {
      const present = streams.get(key)
      if (present) return present.join()
      const stream: SharedStream<T> = new SharedStream(
        (signal) => open(key, signal),
        () => {
          if (streams.get(key) === stream) streams.delete(key)
        },
      )
      streams.set(key, stream)
      return stream.join()
    },
  }
}

/**
 * Holds the newest item alone: a watcher that is slow misses items, and holds up nobody.
 * - It is over when its source has ended or its last watcher has left; then nobody joins any more.
 * - Its source is closed when it is over.
 * - Whoever watched at the end still gets the last item before it.
 */
class SharedStream<T> {
  #count = 0
  #newest: T | undefined
  #end: { readonly error?: unknown } | undefined
  #changed = Promise.withResolvers<void>()
  #watchers = 0
  readonly #closing = new AbortController()
  readonly #onOver: () => void

  constructor(open: (signal: AbortSignal) => AsyncIterable<T>, onOver: () => void) {
    this.#onOver = onOver
    void this.#run(open(this.#closing.signal))
  }

  async #run(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        this.#newest = item
        this.#count++
        this.#tell()
      }
      this.#end = {}
    } catch (error) {
      this.#end = { error }
    }
    this.#onOver()
    this.#tell()
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  join(): Watcher<T> {
    this.#watchers++
    let seen = 0
    let hasLeft = false
    return {
      newest: () => this.#newest,
      next: async (signal) => {
        while (seen === this.#count) {
          if (this.#end && 'error' in this.#end) throw this.#end.error
          if (this.#end) return undefined
          await orAbort(this.#changed.promise, signal)
        }
        seen = this.#count
        return this.#newest
      },
      [Symbol.dispose]: () => {
        if (hasLeft) return
        hasLeft = true
        if (--this.#watchers > 0) return
        this.#onOver()
        this.#closing.abort()
      },
    }
  }
}
