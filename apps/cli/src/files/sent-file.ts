import { nonsense } from './file-facts.ts'

const lineMaxBytes = 256

export interface SentFileParts {
  /** Gets the two lines before the content; gives how long the content is. */
  readonly head: (lines: readonly string[]) => number
  readonly content: (bytes: Uint8Array) => void
}

/** Takes apart what the guest's `send` prints: two lines, the content, two lines. */
export class SentFile {
  readonly #parts: SentFileParts
  /** Of the content; undefined while the lines before it are not complete. */
  #left: number | undefined
  #text = Buffer.alloc(0)

  constructor(parts: SentFileParts) {
    this.#parts = parts
  }

  push(bytes: Uint8Array): void {
    let rest = bytes
    if (this.#left === undefined) {
      const { lines, after } = this.#readLines(rest)
      if (!lines) return
      this.#left = this.#parts.head(lines)
      rest = after
    }
    const content = rest.subarray(0, this.#left)
    if (content.length > 0) this.#parts.content(content)
    this.#left -= content.length
    if (rest.length > content.length) this.#keep(rest.subarray(content.length))
  }

  /** The two lines after the content. */
  finish(): readonly string[] {
    const lines = this.#text.toString('latin1').split('\n')
    if (this.#left !== 0 || lines.length !== 3 || lines[2] !== '') throw nonsense()
    return lines.slice(0, 2)
  }

  #keep(bytes: Uint8Array): void {
    this.#text = Buffer.concat([this.#text, bytes])
    if (this.#text.length > 2 * lineMaxBytes) throw nonsense()
  }

  #readLines(bytes: Uint8Array): { lines?: readonly string[]; after: Uint8Array } {
    const all = Buffer.concat([this.#text, bytes.subarray(0, 2 * lineMaxBytes)])
    const end = all.indexOf('\n', all.indexOf('\n') + 1)
    if (all.indexOf('\n') === -1 || end === -1) {
      this.#keep(bytes)
      return { after: bytes.subarray(bytes.length) }
    }
    const before = this.#text.length
    this.#text = Buffer.alloc(0)
    return {
      lines: all.subarray(0, end).toString('latin1').split('\n'),
      after: bytes.subarray(end + 1 - before),
    }
  }
}
