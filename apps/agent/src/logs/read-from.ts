import type { LogLine, LogQuery } from '@gpulab/contract'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { type LogOptions, readLogFrames } from '../docker/logs.ts'
import { createAssembler } from './assembler.ts'
import { type Cursor, findAnchor, resumeFrom, toEngineTime, toNanoseconds } from './cursor.ts'

export interface LogPosition {
  /** Kept up to date in place: the caller resumes from here when the stream breaks. */
  cursor: Cursor
  /** Whether the engine is to wait for more. */
  readonly follow: boolean
  /** Whether nothing will complete a line that has begun. */
  readonly isLast: boolean
  /** Of so many records from the end only, so that the engine need not look through all of its files. */
  readonly tail: number | undefined
}

/**
 * How reading came to its end: with the engine's stream; without the record of the cursor among the last ones that were
 * asked for; or too far behind what is written.
 */
export type ReadingEnd = 'ended' | 'too-short' | 'behind'

/**
 * Following, the engine passes over a whole file where it has fallen back by one, and says nothing (measured, 20.10:
 * half of 36 MB). Read without following, no file is missed. So whoever is this far behind has to read on that way.
 */
const behindMs = 2000
const followedMaxCharacters = 512 << 10

/** From the cursor to the end of the engine's stream. */
export async function* readFrom(
  { engine }: { readonly engine: Engine },
  { id }: Pick<ObservedContainer, 'id'>,
  query: LogQuery,
  position: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogLine, ReadingEnd> {
  const { follow, isLast } = position
  const range = toRange(query)
  const resumed = resumeFrom(position.cursor)
  const since = later(resumed, range.since)
  const isContinued = since === resumed && findAnchor(position.cursor) !== undefined
  // Whether that was enough shows by the record of the cursor alone.
  const tail = isContinued ? position.tail : undefined
  const assembler = createAssembler(position.cursor, { isContinued })
  const options: LogOptions = { ...range, follow, since, tail }
  const wanted = (line: LogLine): boolean => query.stream === undefined || line.stream === query.stream
  let characters = 0
  for await (const frame of readLogFrames(engine, id, options, signal)) {
    for (const line of assembler.push(frame)) {
      if (line.gap && tail !== undefined) return 'too-short'
      if (follow && (isOld(line) || characters > followedMaxCharacters)) return 'behind'
      characters += line.line.length
      position.cursor = assembler.cursor()
      if (wanted(line)) yield line
    }
  }
  for (const line of isLast ? assembler.flush() : []) {
    if (line.gap && tail !== undefined) return 'too-short'
    if (wanted(line)) yield line
  }
  position.cursor = assembler.cursor()
  return 'ended'
}

/** Host and engine have one clock. */
const isOld = ({ ts }: LogLine): boolean => Date.now() - Date.parse(ts) > behindMs

const later = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || (b !== undefined && Number(b) > Number(a)) ? b : a

export const toRange = ({ since, until }: LogQuery): Pick<LogOptions, 'since' | 'until'> => ({
  since: since === undefined ? undefined : toEngineTime(toNanoseconds(since)),
  until: until === undefined ? undefined : toEngineTime(toNanoseconds(until)),
})
