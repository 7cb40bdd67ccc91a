import { frameHeaderBytes, frameType, payloadMaxBytes, type Frame } from './protocol.ts'

const isOutput = (type: number): boolean => type === frameType.stdout || type === frameType.stderr

/**
 * Cuts what the guest sends into frames. Output is passed on as it comes, so only the short frames are ever put
 * together. Throws a RangeError on a frame that no guest sends: one that is too long, or output without a byte.
 */
export class FrameDecoder {
  #header = Buffer.alloc(frameHeaderBytes)
  #headerLength = 0
  #type = 0
  #stream = 0
  #left = 0
  #parts: Buffer[] = [];

  *push(chunk: Buffer): Generator<Frame> {
    let at = 0
    while (at < chunk.length) {
      if (this.#headerLength < frameHeaderBytes) {
        at += this.#takeHeader(chunk.subarray(at))
        if (this.#headerLength < frameHeaderBytes) return
      }
      const payload = chunk.subarray(at, at + this.#left)
      at += payload.length
      this.#left -= payload.length
      const frame = this.#toFrame(payload)
      if (this.#left === 0) this.#headerLength = 0
      if (frame) yield frame
    }
  }

  #takeHeader(chunk: Buffer): number {
    const count = chunk.copy(this.#header, this.#headerLength)
    this.#headerLength += count
    if (this.#headerLength < frameHeaderBytes) return count
    this.#type = this.#header.readUInt8(0)
    this.#stream = this.#header.readUInt32BE(1)
    this.#left = this.#header.readUInt32BE(5)
    if (this.#left > payloadMaxBytes) throw new RangeError(`A frame of ${this.#left} bytes is too long`)
    if (this.#left === 0 && isOutput(this.#type)) throw new RangeError('A frame of output is empty')
    return count
  }

  #toFrame(payload: Buffer): Frame | undefined {
    const frame = { type: this.#type, stream: this.#stream }
    if (isOutput(this.#type)) return payload.length > 0 ? { ...frame, payload } : undefined
    if (payload.length > 0) this.#parts.push(payload)
    if (this.#left > 0) return undefined
    const [first = Buffer.alloc(0), ...rest] = this.#parts
    this.#parts = []
    return { ...frame, payload: rest.length > 0 ? Buffer.concat([first, ...rest]) : first }
  }
}
