import type { OffsetOutput } from '@gpulab/guest'
import { type OutputLog, type OutputReader, Pulse } from './output-log.ts'

interface Run {
  readonly kind: 'stdout' | 'stderr'
  readonly offset: number
  bytes: Buffer
}

const joinMaxBytes = 4096

/**
 * The newest output of a program, in memory. While `lossless` nothing is dropped that was not released, and whoever
 * fills it waits for room.
 */
export class MemoryLog implements OutputLog {
  lossless: boolean
  isFinished = false
  readonly #maxBytes: number
  readonly #runs: Run[] = []
  readonly #pulse = new Pulse()
  #first = 0
  #end = 0

  constructor(maxBytes: number, lossless: boolean) {
    this.#maxBytes = maxBytes
    this.lossless = lossless
  }

  get first(): number {
    return this.#first
  }

  get end(): number {
    return this.#end
  }

  add(kind: Run['kind'], bytes: Buffer): void {
    const last = this.#runs.at(-1)
    // Many tiny runs would cost far more than their bytes.
    if (last?.kind === kind && last.bytes.length + bytes.length <= joinMaxBytes)
      last.bytes = Buffer.concat([last.bytes, bytes])
    else this.#runs.push({ kind, offset: this.#end, bytes: Buffer.from(bytes) })
    this.#end += bytes.length
    if (!this.lossless) this.#drop(this.#end - this.#maxBytes)
    this.#pulse.beat()
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.lossless && this.#end - this.#first >= this.#maxBytes) await this.#pulse.wait()
  }

  /** What is before the offset need not be kept. */
  release(offset: number): void {
    if (this.lossless) this.#drop(offset)
    this.#pulse.beat()
  }

  finish(): void {
    this.isFinished = true
    this.#pulse.beat()
  }

  clear(): void {
    this.#drop(this.#end)
    this.#pulse.beat()
  }

  changed(): Promise<void> {
    return this.#pulse.wait()
  }

  read(offset: number): OutputReader {
    let at = offset
    return {
      next: () => {
        const item = this.#at(at)
        if (item) at += item.kind === 'gap' ? item.lostBytes : item.bytes.length
        return Promise.resolve(item)
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  #at(offset: number): OffsetOutput | undefined {
    if (offset < this.#first) return { kind: 'gap', offset, lostBytes: this.#first - offset }
    const run = this.#runs.find((each) => offset < each.offset + each.bytes.length)
    return run && { kind: run.kind, offset, bytes: run.bytes.subarray(offset - run.offset) }
  }

  #drop(before: number): void {
    while (this.#runs[0] && this.#runs[0].offset + this.#runs[0].bytes.length <= before) this.#runs.shift()
    const head = this.#runs[0]
    if (head && head.offset < before)
      this.#runs[0] = { ...head, offset: before, bytes: head.bytes.subarray(before - head.offset) }
    this.#first = Math.min(Math.max(this.#first, before), this.#end)
  }
}
