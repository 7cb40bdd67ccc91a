import { inputWindowBytes } from '@gpulab/contract'

const chunkMaxBytes = 256 << 10

/**
 * Input between its source and a session that acknowledges it. What is not acknowledged is kept, and given again after
 * a cut; never more than a window of it.
 *
 * Invariants: acked <= next <= end; the kept bytes are those from acked to end.
 */
export class InputWindow {
  readonly #kept: Uint8Array[] = []
  #acked = 0
  #end = 0
  /** The first byte that was not given to the present connection. */
  #next = 0
  /** Offsets count from our own start until the session has told where that is. */
  #isPlaced = false

  /** How many more bytes may be added. */
  get room(): number {
    return inputWindowBytes - (this.#end - this.#acked)
  }

  /** Whether the present connection was given all that was added. */
  get isSent(): boolean {
    return this.#next === this.#end
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > this.room) throw new RangeError('more input than the window takes')
    if (bytes.length === 0) return
    this.#kept.push(bytes)
    this.#end += bytes.length
  }

  /** On a new connection the session says what it has. */
  resume(inputOffset: number): void {
    if (!this.#isPlaced) {
      this.#isPlaced = true
      this.#acked += inputOffset
      this.#end += inputOffset
    }
    // Somebody else was attached meanwhile: which of ours came through can't be told, so nothing is repeated.
    if (inputOffset < this.#acked || inputOffset > this.#end) {
      this.#kept.length = 0
      this.#acked = inputOffset
      this.#end = inputOffset
    }
    this.ack(inputOffset)
    this.#next = inputOffset
  }

  /** Throws where that was not sent. */
  ack(offset: number): void {
    if (offset > this.#end) throw new RangeError('input is acknowledged that was not sent')
    while (this.#acked < offset) {
      const first = this.#kept.shift()
      if (!first) return
      const had = Math.min(first.length, offset - this.#acked)
      if (had < first.length) this.#kept.unshift(first.subarray(had))
      this.#acked += had
    }
    this.#next = Math.max(this.#next, this.#acked)
  }

  /** The next bytes to send, if there are any. */
  take(): Uint8Array | undefined {
    let at = this.#acked
    for (const bytes of this.#kept) {
      const from = this.#next - at
      if (from < bytes.length) {
        const chunk = bytes.subarray(from, from + chunkMaxBytes)
        this.#next += chunk.length
        return chunk
      }
      at += bytes.length
    }
    return undefined
  }
}
