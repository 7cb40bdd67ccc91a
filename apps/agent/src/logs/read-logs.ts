import type { LogLine, LogQuery } from '@gpulab/contract'
import { containerNotFound } from '../containers/find.ts'
import { findSettled } from '../containers/find-settled.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { EngineError, engineUnavailable } from '../docker/errors.ts'
import { readLogFrames } from '../docker/logs.ts'
import { type Cursor, parseCursor } from './cursor.ts'
import { followLog, type LogDeps } from './follow-log.ts'
import { readFrom, toRange } from './read-from.ts'
import { readTail } from './tail.ts'

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
    if (query.follow) yield* followLog(deps, container, query, cursor ?? {}, signal)
    else {
      const position = { cursor: cursor ?? {}, follow: false, isLast: true, tail: undefined }
      yield* readFrom(deps, container, query, position, signal)
    }
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
