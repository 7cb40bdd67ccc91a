import type { OffsetOutput } from '@gpulab/guest'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type OutputLog, type OutputReader, Pulse } from './output-log.ts'
import { encodeGap, encodeRun, recordHeaderBytes, scanRecords } from './spool-records.ts'

interface Segment {
  /** Offset of its first byte of output, which is its name. */
  readonly first: number
  readonly path: string
  /** Of the file. */
  size: number
}

const segmentMaxBytes = 1 << 20
const segmentsMax = 16
const readBytes = 128 << 10

/**
 * A detached session's output on disk: segments of 1 MiB, the oldest of which goes when there are 16. What was
 * written is read again by the next agent. Where the disk takes no more, what comes shows as a gap.
 *
 * Invariants: one writer at a time; `end` grows only after the bytes are in the file.
 */
export class Spool implements OutputLog {
  isFinished = false
  readonly #folder: string
  readonly #segments: Segment[]
  readonly #pulse = new Pulse()
  #end: number
  #file: FileHandle | undefined
  #lostBytes = 0

  private constructor(folder: string, segments: Segment[], end: number) {
    this.#folder = folder
    this.#segments = segments
    this.#end = end
  }

  /** Opens what is there, as far as it is whole. */
  static async open(folder: string): Promise<Spool> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name))
    const segments = names
      .map((name): Segment => ({ first: Number.parseInt(name, 10), path: join(folder, name), size: 0 }))
      .toSorted((a, b) => a.first - b.first)
    let end = 0
    for (const segment of segments) {
      await using file = await open(segment.path, 'r+')
      const { size, outputBytes } = await measure(file)
      // A killed agent may have left half a record.
      await file.truncate(size)
      segment.size = size
      end = segment.first + outputBytes
    }
    return new Spool(folder, segments, end)
  }

  get first(): number {
    return this.#segments[0]?.first ?? this.#end
  }

  get end(): number {
    return this.#end + this.#lostBytes
  }

  /** Never rejects. */
  async add(item: OffsetOutput): Promise<void> {
    try {
      await this.#writeLost()
      if (item.kind === 'gap') await this.#write(encodeGap(item.lostBytes), item.lostBytes)
      else await this.#write(encodeRun(item.kind, item.bytes), item.bytes.length)
    } catch {
      this.#lostBytes += item.kind === 'gap' ? item.lostBytes : item.bytes.length
    }
    this.#pulse.beat()
  }

  async finish(): Promise<void> {
    // On a disk that is still full only those who read now are told.
    if (!this.isFinished) await this.#writeLost().catch(() => {})
    this.isFinished = true
    await this.#file?.close().catch(() => {})
    this.#file = undefined
    this.#pulse.beat()
  }

  changed(): Promise<void> {
    return this.#pulse.wait()
  }

  read(offset: number): OutputReader {
    return new SpoolReader(
      {
        find: (at) => this.#segments.findLast(({ first }) => first <= at) ?? this.#segments[0],
        bounds: () => ({ first: this.first, written: this.#end, end: this.end }),
      },
      offset,
    )
  }

  async remove(): Promise<void> {
    await this.finish()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #writeLost(): Promise<void> {
    if (this.#lostBytes > 0) await this.#write(encodeGap(this.#lostBytes), this.#lostBytes)
    this.#lostBytes = 0
  }

  async #write(record: Buffer, outputBytes: number): Promise<void> {
    const segment = await this.#writable()
    try {
      const { bytesWritten = 0 } = (await this.#file?.write(record, 0, record.length, segment.size)) ?? {}
      // As a disk that is full takes it, without an error.
      if (bytesWritten < record.length) throw new Error('a part of a record was written')
    } catch (error) {
      // So that the next record does not come after half of this one.
      await this.#file?.truncate(segment.size).catch(() => {})
      throw error
    }
    segment.size += record.length
    this.#end += outputBytes
  }

  async #writable(): Promise<Segment> {
    const last = this.#segments.at(-1)
    if (last && last.size < segmentMaxBytes) {
      this.#file ??= await open(last.path, 'r+')
      return last
    }
    await this.#file?.close()
    this.#file = undefined
    const path = join(this.#folder, `${String(this.#end).padStart(16, '0')}.log`)
    this.#file = await open(path, 'w', 0o600)
    const segment = { first: this.#end, path, size: 0 }
    this.#segments.push(segment)
    while (this.#segments.length > segmentsMax) {
      const oldest = this.#segments.shift()
      if (oldest) await rm(oldest.path, { force: true })
    }
    return segment
  }
}

async function measure(file: FileHandle): Promise<{ size: number; outputBytes: number }> {
  const content = await file.readFile()
  let size = 0
  let outputBytes = 0
  for (const { bytes, end } of scanRecords(content)) {
    size = end
    outputBytes += bytes
  }
  return { size, outputBytes }
}

interface SpoolView {
  find(offset: number): Segment | undefined
  /** What is between `written` and `end` was lost. */
  bounds(): { readonly first: number; readonly written: number; readonly end: number }
}

class SpoolReader implements OutputReader {
  readonly #view: SpoolView
  #offset: number
  #segment: Segment | undefined
  #file: FileHandle | undefined
  /** In the file, and the offset of the output there. */
  #position = 0
  #at = 0
  #ready: OffsetOutput[] = []

  constructor(view: SpoolView, offset: number) {
    this.#view = view
    this.#offset = offset
  }

  async next(): Promise<OffsetOutput | undefined> {
    for (;;) {
      const item = this.#ready.shift()
      if (item) return this.#give(item)
      const { first, written, end } = this.#view.bounds()
      if (this.#offset >= end) return undefined
      if (this.#offset >= written) return this.#giveGap(end)
      if (this.#offset < first) return this.#giveGap(first)
      await this.#open()
      await this.#fill()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close().catch(() => {})
    this.#file = undefined
  }

  #giveGap(end: number): OffsetOutput {
    return this.#give({ kind: 'gap', offset: this.#offset, lostBytes: end - this.#offset })
  }

  #give(item: OffsetOutput): OffsetOutput {
    this.#offset = item.offset + (item.kind === 'gap' ? item.lostBytes : item.bytes.length)
    return item
  }

  async #open(): Promise<void> {
    const segment = this.#view.find(this.#offset)
    if (segment === this.#segment) return
    await this[Symbol.asyncDispose]()
    this.#segment = segment
    this.#position = 0
    this.#at = segment?.first ?? 0
    // It may have been dropped just now; then the next look finds a gap.
    this.#file = segment && (await open(segment.path).catch(() => undefined))
    if (!this.#file) this.#segment = undefined
  }

  async #fill(): Promise<void> {
    if (!this.#file) return
    const buffer = Buffer.allocUnsafe(readBytes)
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#position)
    let last = 0
    for (const { kind, bytes, start, end } of scanRecords(buffer.subarray(0, bytesRead))) {
      const skipped = Math.min(Math.max(this.#offset - this.#at, 0), bytes)
      const offset = this.#at + skipped
      if (skipped < bytes || bytes === 0) {
        if (kind === 'gap') this.#ready.push({ kind, offset, lostBytes: bytes - skipped })
        else {
          const from = start + recordHeaderBytes + skipped
          this.#ready.push({ kind, offset, bytes: buffer.subarray(from, end) })
        }
      }
      this.#at += bytes
      last = end
    }
    if (last === 0) throw new Error(`${this.#segment?.path ?? 'The spool'} is not whole.`)
    this.#position += last
  }
}
