import type { LogLine } from '@gpulab/contract'
import type { EngineFrame } from '../docker/demux.ts'
import {
  type Cursor,
  encodeCursor,
  findAnchor,
  isAfter,
  type LogStream,
  type Position,
  toNanoseconds,
} from './cursor.ts'

/** The engine cuts longer lines into records of this size; a shorter one without newline was the program's last. */
const recordBytes = 16_384
/** Longer lines are given in pieces. */
const lineMaxBytes = 1 << 20
const newline = 0x0a

interface OpenLine {
  readonly ts: string
  readonly ns: bigint
  readonly parts: Buffer[]
  readonly last: Position
}

export interface Assembler {
  /** The lines that this record completes. Records up to the cursor are passed over. */
  push(frame: EngineFrame): LogLine[]
  /** Lines that nothing will complete any more. */
  flush(): LogLine[]
  /** After the last line that was given out. */
  cursor(): Cursor
}

export interface AssemblerOptions {
  /** Whether the log is read from where the cursor is, so that its record has to come again. */
  readonly isContinued?: boolean
}

/** Makes lines of the engine's records. */
export function createAssembler(from: Cursor, { isContinued = false }: AssemblerOptions = {}): Assembler {
  let done: Cursor = {
    ...(from.stdout && { stdout: from.stdout }),
    ...(from.stderr && { stderr: from.stderr }),
  }
  const previous: Partial<Record<LogStream, Position>> = {}
  const open: Partial<Record<LogStream, OpenLine>> = {}
  const anchor = isContinued ? findAnchor(from) : undefined
  let hasAnchor = anchor === undefined
  let hasGap = false

  const cursor = (): Cursor => {
    const times = Object.values(open).map(({ ns }) => ns)
    const oldest = times.reduce<bigint | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined)
    return { ...done, ...(oldest !== undefined && { open: oldest }) }
  }
  const close = (stream: LogStream, partial: boolean): LogLine[] => {
    const line = open[stream]
    if (!line) return []
    delete open[stream]
    done = { ...done, [stream]: line.last }
    const bytes = Buffer.concat(line.parts)
    const text = (bytes.at(-1) === newline ? bytes.subarray(0, -1) : bytes).toString('utf8')
    const gap = hasGap
    hasGap = false
    return [
      {
        ts: line.ts,
        stream,
        line: text,
        ...(partial && { partial }),
        ...(gap && { gap }),
        cursor: encodeCursor(cursor()),
      },
    ]
  }

  return {
    push: ({ stream, payload }) => {
      const space = payload.indexOf(0x20)
      const ts = payload.toString('latin1', 0, space)
      const text = payload.subarray(space + 1)
      const ns = toNanoseconds(ts)
      const before = previous[stream]
      const position = { ns, part: before?.ns === ns ? before.part + 1 : 0 }
      previous[stream] = position
      if (stream === anchor?.stream && ns === anchor.ns && position.part === anchor.part) hasAnchor = true
      if (!isAfter(position, done[stream])) return []
      hasGap ||= !hasAnchor
      hasAnchor = true

      const begun = open[stream]
      const cut = begun && begun.ns !== ns ? close(stream, true) : []
      const parts = [...(open[stream]?.parts ?? []), text]
      open[stream] = { ts, ns, parts, last: position }
      if (text.at(-1) === newline) return [...cut, ...close(stream, false)]
      const size = parts.reduce((sum, part) => sum + part.length, 0)
      const complete = text.length < recordBytes || size >= lineMaxBytes
      return complete ? [...cut, ...close(stream, true)] : cut
    },
    flush: () => [...close('stdout', true), ...close('stderr', true)],
    cursor,
  }
}
