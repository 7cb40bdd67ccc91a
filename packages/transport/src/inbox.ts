import type { Frame } from '@gpulab/contract'

/** Of frames that have come and wait for their reader. */
const maxBytes = 256 << 10

interface Source {
  /** Called when more than enough waits, and again when there is room. */
  pause(): void
  resume(): void
  /** The reader has left before the end. */
  leave(): void
}

/** Frames that have come and were not read yet, so that the end of a connection is noticed although nobody reads. */
export class Inbox {
  readonly #source: Source
  readonly #frames: Frame[] = []
  #bytes = 0
  #isPaused = false
  #outcome: { readonly failure?: Error } | undefined
  #wake = (): void => {}

  constructor(source: Source) {
    this.#source = source
  }

  push(frame: Frame): void {
    this.#frames.push(frame)
    this.#bytes += frame.payload.length + 1
    if (this.#bytes >= maxBytes && !this.#isPaused) {
      this.#isPaused = true
      this.#source.pause()
    }
    this.#wake()
  }

  /** No more will come; what has come is read before a failure is thrown. */
  close(failure?: Error): void {
    this.#outcome ??= { ...(failure && { failure }) }
    this.#wake()
  }

  /** How it has ended; what has come before may not have been read yet. */
  get outcome(): { readonly failure?: Error } | undefined {
    return this.#outcome
  }

  /** What has come and was not read, in the place of `read`. */
  take(): Frame | undefined {
    const frame = this.#frames.shift()
    if (frame) this.#note(frame)
    return frame
  }

  async *read(): AsyncGenerator<Frame> {
    let isWhole = false
    try {
      for (;;) {
        const frame = this.#frames.shift()
        if (frame) {
          yield frame
          this.#note(frame)
        } else if (this.#outcome) {
          isWhole = true
          if (this.#outcome.failure) throw this.#outcome.failure
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      if (!isWhole) this.#source.leave()
    }
  }

  #note({ payload }: Frame): void {
    this.#bytes -= payload.length + 1
    if (!this.#isPaused || this.#bytes >= maxBytes) return
    this.#isPaused = false
    this.#source.resume()
  }
}
