/** What a user asks of this program, not of the one in the container. */
export type Escape = 'leave' | 'detach' | 'help'

const tilde = 0x7e
const lineEnds: readonly number[] = [0x0a, 0x0d]
const escapes: Readonly<Record<string, Escape>> = { '.': 'leave', d: 'detach', '?': 'help' }

export const escapeHelp = `Supported escapes, at the beginning of a line:
 ~.  end the session and leave
 ~d  leave; the session goes on
 ~?  this text
 ~~  a tilde`

/**
 * Finds escapes in what is typed, as ssh has them: a tilde at the beginning of a line, and the key after it. A tilde
 * is held until that key is known.
 */
export class EscapeKeys {
  #isLineStart = true
  #isPending = false

  /** What to send, and what to do, in order. */
  push(typed: Uint8Array): (Uint8Array | Escape)[] {
    const found: (Uint8Array | Escape)[] = []
    let kept: number[] = []
    const flush = (): void => {
      if (kept.length > 0) found.push(Uint8Array.from(kept))
      kept = []
    }
    for (const byte of typed) {
      if (this.#isPending) {
        this.#isPending = false
        const escape = escapes[String.fromCodePoint(byte)]
        if (escape) {
          flush()
          found.push(escape)
          continue
        }
        kept.push(tilde)
        this.#isLineStart = false
        if (byte === tilde) continue
      } else if (this.#isLineStart && byte === tilde) {
        this.#isPending = true
        continue
      }
      kept.push(byte)
      this.#isLineStart = lineEnds.includes(byte)
    }
    flush()
    return found
  }
}
