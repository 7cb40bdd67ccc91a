/** A run of output, or the number of bytes that were dropped. */
export type Output = { kind: 'stdout' | 'stderr'; bytes: Buffer } | { kind: 'gap'; lostBytes: number }

const kinds = ['stdout', 'stderr', 'gap'] as const
const pageBytes = 64 << 10
/** A piece of at least this is kept as it came, if it is at least half of the chunk that it keeps with it. */
const keptMinBytes = 16 << 10

/**
 * Output that its reader has not taken yet. Small pieces are copied together, so that many tiny frames cost little more
 * than their bytes, and none of them keeps what it was read with alive.
 */
export class OutputQueue {
  /** Each is a length times 4, plus the index of its kind. */
  #runs: number[] = []
  #firstRun = 0
  #pages: Buffer[] = []
  #readAt = 0
  #writtenAt = pageBytes

  get isEmpty(): boolean {
    return this.#firstRun === this.#runs.length
  }

  push(kind: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#addRun(kinds.indexOf(kind), bytes.length)
    if (bytes.length >= keptMinBytes && 2 * bytes.length >= bytes.buffer.byteLength) {
      this.#seal()
      this.#pages.push(bytes)
      return
    }
    let rest = bytes
    while (rest.length > 0) {
      if (this.#writtenAt === pageBytes) {
        this.#pages.push(Buffer.allocUnsafeSlow(pageBytes))
        this.#writtenAt = 0
      }
      const count = rest.copy(this.#pages.at(-1) as Buffer, this.#writtenAt)
      this.#writtenAt += count
      rest = rest.subarray(count)
    }
  }

  pushGap(lostBytes: number): void {
    this.#addRun(2, lostBytes)
  }

  /** The longest run at the front that lies in one piece. */
  shift(): Output | undefined {
    const run = this.#runs[this.#firstRun]
    if (run === undefined) return undefined
    const kind = kinds[(run % 4) as 0 | 1 | 2]
    const length = Math.floor(run / 4)
    if (kind === 'gap') {
      this.#dropRun()
      return { kind, lostBytes: length }
    }
    const page = this.#pages[0] as Buffer
    const bytes = page.subarray(this.#readAt, Math.min(page.length, this.#readAt + length))
    this.#readAt += bytes.length
    if (bytes.length === length) this.#dropRun()
    else this.#runs[this.#firstRun] = run - 4 * bytes.length
    if (this.#readAt === page.length) {
      this.#pages.shift()
      this.#readAt = 0
    }
    return { kind, bytes }
  }

  /** Nothing more is written to the last page. */
  #seal(): void {
    if (this.#writtenAt === pageBytes) return
    const page = Buffer.from((this.#pages.pop() as Buffer).subarray(0, this.#writtenAt))
    const isRead = this.#pages.length === 0 && this.#readAt === page.length
    if (isRead) this.#readAt = 0
    else this.#pages.push(page)
    this.#writtenAt = pageBytes
  }

  #addRun(kind: number, length: number): void {
    const last = this.#runs.length - 1
    const run = this.#runs[last]
    if (!this.isEmpty && run !== undefined && run % 4 === kind) this.#runs[last] = run + 4 * length
    else this.#runs.push(4 * length + kind)
  }

  #dropRun(): void {
    this.#firstRun++
    if (this.#firstRun < 1024 && !this.isEmpty) return
    this.#runs.splice(0, this.#firstRun)
    this.#firstRun = 0
  }
}
