import { inputWindowBytes } from '@gpulab/contract'
import type { Attachment } from './program.ts'

/** What each client may always have on its way; more, as far as the window goes, while all together have not too much. */
const ownBytes = 256 << 10
const allBytes = 64 << 20

/** Not acknowledged, since it may still be in this process when that is killed. */
const lagBytes = 64 << 10
const ackEveryBytes = 128 << 10

/** Input on its way of all clients together. */
export interface InputTotal {
  bytes: number
}

/**
 * A client's input on its way to the program, so that a program that does not read it holds nothing else up. What comes
 * after the attachment is over is thrown away and never acknowledged: the client sends it again.
 */
export class InputQueue {
  readonly #attachment: Attachment
  readonly #total: InputTotal
  readonly #onAck: (offset: number) => void
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #written: number
  #acked: number
  #isEnding = false
  #isWriting = false
  #isClosed = false
  #isLost = false
  #room = Promise.withResolvers<void>()

  constructor(attachment: Attachment, total: InputTotal, onAck: (offset: number) => void) {
    this.#attachment = attachment
    this.#total = total
    this.#onAck = onAck
    this.#written = attachment.inputOffset
    this.#acked = attachment.inputOffset
  }

  /** Resolves at once for a client that keeps to its window. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.#isEnding || chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#total.bytes += chunk.length
    void this.#write()
    while (this.#isFull() && !this.#isClosed) await this.#room.promise
  }

  end(): void {
    this.#isEnding = true
    void this.#write()
  }

  /** The client is gone: what it has sent is written all the same, but no longer waited for. */
  close(): void {
    this.#isClosed = true
    this.#room.resolve()
  }

  #isFull(): boolean {
    return this.#bytes > (this.#total.bytes > allBytes ? ownBytes : inputWindowBytes)
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    if (this.#isWriting) return
    this.#isWriting = true
    for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) {
      if (!this.#isLost) await this.#attachment.write(chunk).catch(() => (this.#isLost = true))
      this.#bytes -= chunk.length
      this.#total.bytes -= chunk.length
      this.#room.resolve()
      this.#room = Promise.withResolvers()
      if (this.#isLost) continue
      this.#written += chunk.length
      const sure = this.#written - lagBytes
      if (sure >= this.#acked + ackEveryBytes) {
        this.#acked = sure
        this.#onAck(sure)
      }
    }
    this.#isWriting = false
    if (this.#isEnding && !this.#isLost) await this.#attachment.endInput().catch(() => {})
  }
}
