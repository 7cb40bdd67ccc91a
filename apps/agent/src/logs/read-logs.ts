import type { LogLine, LogQuery } from '@gpulab/contract'
import { setTimeout as wait } from 'node:timers/promises'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { containerNotFound } from '../containers/find.ts'
import { findSettled, type SettledDeps } from '../containers/find-settled.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { EngineError, engineUnavailable } from '../docker/errors.ts'
import { type LogOptions, readLogFrames } from '../docker/logs.ts'
import { createAssembler } from './assembler.ts'
import { type Cursor, parseCursor, resumeFrom, toEngineTime, toNanoseconds } from './cursor.ts'
import { readTail } from './tail.ts'

export type LogDeps = Timing & SettledDeps

/** Before a stream that ended without reason is opened again. */
const reopenMs = 100
const timerMaxMs = 2 ** 31 - 1

/**
 * A container's lines, each once. The container is looked up at once, so that a missing one is an error of the call;
 * one that is just being made is waited for by those who follow.
 */
export async function readLogs(
  deps: LogDeps,
  uuid: string,
  query: LogQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<LogLine>> {
  const cursor = query.cursor === undefined ? undefined : parseCursor(query.cursor)
  const container = await findSettled(deps, uuid, query.follow, signal)
  if (!container) throw containerNotFound(uuid)
  return read(deps, container, query, cursor, signal)
}

async function* read(
  deps: LogDeps,
  container: ObservedContainer,
  query: LogQuery,
  from: Cursor | undefined,
  caller: AbortSignal,
): AsyncGenerator<LogLine> {
  const reading = new AbortController()
  const signal = AbortSignal.any([reading.signal, caller])
  try {
    let cursor = from
    if (!cursor && query.tail !== 'all') {
      const tail = await readLast(deps, container, query, query.tail, signal)
      yield* tail.lines
      cursor = tail.cursor
      if (!query.follow) return
    }
    yield* query.follow
      ? follow(deps, container, query, cursor ?? {}, signal)
      : readOnce(deps, container, query, { cursor: cursor ?? {}, follow: false }, signal)
  } catch (error) {
    throw error instanceof EngineError && !caller.aborted ? engineUnavailable(error) : error
  } finally {
    // Whoever stops reading leaves no stream of the engine's open.
    reading.abort()
  }
}

function readLast(
  { engine }: LogDeps,
  container: ObservedContainer,
  query: LogQuery,
  lines: number,
  signal: AbortSignal,
) {
  const frames = (tail: number | undefined) =>
    readLogFrames(engine, container.id, { follow: false, tail, ...toRange(query) }, signal)
  const whole = query.until !== undefined
  return readTail(frames, { lines, stream: query.stream, follow: query.follow, whole })
}

/** Until the container has ended and will not be started again by a step that is under way. */
async function* follow(
  deps: LogDeps,
  first: ObservedContainer,
  query: LogQuery,
  from: Cursor,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const backoff = createBackoff(deps)
  const until = query.until === undefined ? undefined : Date.parse(query.until)
  let position = { cursor: from, follow: true }
  let container = first
  for (;;) {
    try {
      position = yield* readOnce(deps, container, query, position, toDeadline(until, signal))
      const now = await findSettled(deps, first.uuid, true, signal)
      if (!now) return
      container = now
      backoff.reset()
    } catch (error) {
      signal.throwIfAborted()
      // Past `until` the deadline has ended the reading.
      if (!(until !== undefined && Date.now() >= until)) {
        if (!(error instanceof EngineError) || !error.transient) throw error
        await backoff.wait(signal)
        continue
      }
    }
    if (container.state !== 'running' || (until !== undefined && Date.now() >= until)) {
      // What was written between the last record that was read and the end.
      yield* readOnce(deps, container, query, { ...position, follow: false }, signal)
      return
    }
    await wait(reopenMs, undefined, { signal })
  }
}

function toDeadline(until: number | undefined, signal: AbortSignal): AbortSignal {
  if (until === undefined) return signal
  const ms = Math.min(Math.max(until - Date.now(), 0), timerMaxMs)
  return AbortSignal.any([AbortSignal.timeout(ms), signal])
}

interface LogPosition {
  cursor: Cursor
  follow: boolean
}

/** From the cursor to the end of the engine's stream; gives how far it got. */
async function* readOnce(
  { engine }: LogDeps,
  { id }: ObservedContainer,
  query: LogQuery,
  position: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogLine, LogPosition> {
  const assembler = createAssembler(position.cursor)
  const range = toRange(query)
  const since = later(resumeFrom(position.cursor), range.since)
  const options: LogOptions = { ...range, follow: position.follow, since }
  const wanted = (line: LogLine): boolean => query.stream === undefined || line.stream === query.stream
  for await (const frame of readLogFrames(engine, id, options, signal)) {
    for (const line of assembler.push(frame)) {
      // Kept up to date in place: the caller resumes from here when the stream breaks.
      position.cursor = assembler.cursor()
      if (wanted(line)) yield line
    }
  }
  if (!position.follow) for (const line of assembler.flush()) if (wanted(line)) yield line
  return { ...position, cursor: assembler.cursor() }
}

const later = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || (b !== undefined && Number(b) > Number(a)) ? b : a

const toRange = ({ since, until }: LogQuery): Pick<LogOptions, 'since' | 'until'> => ({
  since: since === undefined ? undefined : toEngineTime(toNanoseconds(since)),
  until: until === undefined ? undefined : toEngineTime(toNanoseconds(until)),
})
