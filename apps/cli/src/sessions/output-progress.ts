/**
 * How far the output of a session has come: received by us, and taken by whoever reads it. Offsets count both streams,
 * and what was dropped.
 *
 * Invariants: acked <= taken <= received.
 */
export class OutputProgress {
  #received: number
  #taken: number
  #acked: number
  #repeated = 0

  constructor(offset: number) {
    this.#received = offset
    this.#taken = offset
    this.#acked = offset
  }

  /** Where the next connection is to go on. */
  get received(): number {
    return this.#received
  }

  /** Of a new connection: how many bytes it has left out, of which no gap tells. */
  resume(offset: number): number {
    const gap = Math.max(0, offset - this.#received)
    this.#repeated = Math.max(0, this.#received - offset)
    // Having attached from there, we have acknowledged what is before.
    this.#acked = Math.max(this.#acked, Math.min(offset, this.#taken))
    return gap
  }

  /** Gives what is new of the bytes. */
  receive(bytes: Uint8Array): Uint8Array {
    const repeated = Math.min(this.#repeated, bytes.length)
    this.#repeated -= repeated
    this.#received += bytes.length - repeated
    return bytes.subarray(repeated)
  }

  receiveGap(bytes: number): void {
    this.#received += bytes
  }

  take(bytes: number): void {
    this.#taken += bytes
  }

  /** The offset to acknowledge now, if that is worth so many bytes. */
  ack(leastBytes: number): number | undefined {
    if (this.#taken - this.#acked < leastBytes) return undefined
    this.#acked = this.#taken
    return this.#taken
  }
}
