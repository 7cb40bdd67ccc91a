import type { ExecResult } from '@gpulab/contract'
import type { Sink } from '../sessions/session-client.ts'

/** The beginning of a stream. */
export class Capture {
  isTruncated = false
  readonly #chunks: Uint8Array[] = []
  #left: number

  constructor(maxBytes: number) {
    this.#left = maxBytes
  }

  readonly sink: Sink = (bytes) => {
    this.add(bytes)
    return Promise.resolve()
  }

  add(bytes: Uint8Array): void {
    this.isTruncated ||= bytes.length > this.#left
    const part = bytes.slice(0, this.#left)
    this.#left -= part.length
    if (part.length > 0) this.#chunks.push(part)
  }

  /** A cut may have gone through a character, the beginning of which is left out: that does not make the rest binary. */
  text(): { text: string; encoding: ExecResult['stdout_encoding'] } {
    const bytes = Buffer.concat(this.#chunks)
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      return { text: decoder.decode(bytes, { stream: this.isTruncated }), encoding: 'utf-8' }
    } catch {
      return { text: bytes.toString('base64'), encoding: 'base64' }
    }
  }
}
