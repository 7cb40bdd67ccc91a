import type { LogLine } from '@gpulab/contract'
import type { EngineFrame } from '../docker/demux.ts'
import { createAssembler } from './assembler.ts'
import { beforeFirst, type Cursor, type LogStream, toNanoseconds } from './cursor.ts'

/** Reads the last `records` records of a log, all of them when undefined. */
export type ReadRecords = (records: number | undefined) => AsyncIterable<EngineFrame>

export interface Tail {
  readonly lines: readonly LogLine[]
  /** Where to go on. */
  readonly cursor: Cursor
}

export interface TailOptions {
  readonly lines: number
  readonly stream: LogStream | undefined
  /** An unfinished line at the end is left to whoever goes on reading. */
  readonly follow: boolean
  /** Counting from the end is no good when the end is not wanted. */
  readonly whole: boolean
  /** Of memory; older lines are left out. */
  readonly maxBytes?: number
}

const growth = 4
const recordsMax = 1_000_000
const linesMaxBytes = 16 << 20
/** A line's time and cursor. */
const lineOverheadBytes = 256

/**
 * The last lines of a log. The engine counts records from the end: of both streams, and several for a long line.
 * So one more is asked for, which tells whether the first line is whole, and more again until there are enough.
 */
export async function readTail(read: ReadRecords, options: TailOptions): Promise<Tail> {
  let records = options.whole ? undefined : options.lines + 1
  for (;;) {
    const window = await readWindow(read(records), records, options)
    const enough = window.lines.length >= options.lines || window.complete
    if (enough || records === undefined) return window
    records = records * growth < recordsMax ? records * growth : undefined
  }
}

async function readWindow(
  frames: AsyncIterable<EngineFrame>,
  records: number | undefined,
  { lines: wanted, stream, follow, maxBytes = linesMaxBytes }: TailOptions,
): Promise<Tail & { readonly complete: boolean }> {
  const assembler = createAssembler({})
  const lines: LogLine[] = []
  let count = 0
  let bytes = 0
  let full = false
  let first: { readonly ts: string; readonly stream: LogStream } | undefined
  const isCut = (line: LogLine): boolean =>
    count >= (records ?? Infinity) && line.ts === first?.ts && line.stream === first.stream
  const drop = (n: number): void => {
    for (const line of lines.splice(0, n)) bytes -= sizeOf(line)
  }
  const keep = (found: readonly LogLine[]): void => {
    for (const line of found) {
      if (stream !== undefined && line.stream !== stream) continue
      lines.push(line)
      bytes += sizeOf(line)
    }
    // One more than wanted: the first may turn out to be cut.
    if (lines.length > 2 * wanted + 2) drop(lines.length - wanted - 1)
    if (bytes > maxBytes) {
      full = true
      // More at once than must be: moving thousands of lines for each new one is dear.
      drop(Math.ceil(lines.length / 8))
    }
  }
  for await (const frame of frames) {
    count++
    first ??= { ts: frame.payload.toString('latin1', 0, frame.payload.indexOf(0x20)), stream: frame.stream }
    keep(assembler.push(frame))
  }
  if (!follow) keep(assembler.flush())
  const whole = lines.filter((line) => !isCut(line))
  return {
    lines: wanted === 0 ? [] : whole.slice(-wanted),
    cursor: fillIn(assembler.cursor(), first?.ts),
    // Reading further back would give nothing that is kept.
    complete: full || records === undefined || count < records,
  }
}

const sizeOf = ({ line }: LogLine): number => 2 * line.length + lineOverheadBytes

/** A stream that wrote nothing within the window goes on after the window's beginning. */
function fillIn(cursor: Cursor, firstTs: string | undefined): Cursor {
  if (firstTs === undefined) return cursor
  const start = { ns: toNanoseconds(firstTs), part: beforeFirst }
  return { stdout: start, stderr: start, ...cursor }
}
