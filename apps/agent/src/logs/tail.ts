import type { LogLine } from '@gpulab/contract'
import type { EngineFrame } from '../docker/demux.ts'
import { createAssembler } from './assembler.ts'
import { type Cursor, type LogStream, toNanoseconds } from './cursor.ts'

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
}

const growth = 4
const recordsMax = 1_000_000

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
  { lines: wanted, stream, follow }: TailOptions,
): Promise<Tail & { readonly complete: boolean }> {
  const assembler = createAssembler({})
  const lines: LogLine[] = []
  let count = 0
  let first: { readonly ts: string; readonly stream: LogStream } | undefined
  const isCut = (line: LogLine): boolean =>
    count >= (records ?? Infinity) && line.ts === first?.ts && line.stream === first.stream
  const keep = (found: readonly LogLine[]): void => {
    lines.push(...found.filter((line) => stream === undefined || line.stream === stream))
    // One more than wanted: the first may turn out to be cut.
    if (lines.length > 2 * wanted + 2) lines.splice(0, lines.length - wanted - 1)
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
    complete: records === undefined || count < records,
  }
}

/** A stream that wrote nothing within the window goes on after the window's beginning. */
function fillIn(cursor: Cursor, firstTs: string | undefined): Cursor {
  if (firstTs === undefined) return cursor
  const start = { ns: toNanoseconds(firstTs), part: 999_999_999 }
  return { stdout: start, stderr: start, ...cursor }
}
