import type { LogLine, LogQuery } from '@gpulab/contract'
import { setTimeout as wait } from 'node:timers/promises'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { findSettled, type SettledDeps } from '../containers/find-settled.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { EngineError } from '../docker/errors.ts'
import type { Cursor } from './cursor.ts'
import { type LogPosition, readFrom } from './read-from.ts'

export type LogDeps = Timing & SettledDeps

/** Before a stream that ended without reason is opened again. */
const reopenMs = 100
const timerMaxMs = 2 ** 31 - 1
/** Records from the end among which that of the cursor is looked for first. */
const tailFirst = 2000
const tailGrowth = 8
const tailMax = 1_000_000

/** Until the container has ended and will not be started again by a step that is under way. */
export async function* followLog(
  deps: LogDeps,
  first: ObservedContainer,
  query: LogQuery,
  from: Cursor,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const backoff = createBackoff(deps)
  const until = query.until === undefined ? undefined : Date.parse(query.until)
  const deadline = toDeadline(until, signal)
  const isOver = (): boolean => until !== undefined && Date.now() >= until
  let container = first
  // What is there already first, and then what comes.
  let position: LogPosition = { cursor: from, follow: false, isLast: false, tail: tailFirst }
  for (;;) {
    try {
      const end = yield* readFrom(deps, container, query, position, deadline)
      if (end === 'too-short') {
        position = { ...position, follow: false, tail: grow(position.tail) }
        continue
      }
      if (end === 'behind' || !position.follow) {
        position = { ...position, follow: end === 'ended', tail: tailFirst }
        continue
      }
      const now = await findSettled(deps, first.uuid, true, signal)
      if (!now) return
      // Made anew, it has a new log; the old one was read to its end.
      if (now.id !== container.id) position = { ...position, cursor: {}, follow: false }
      container = now
      backoff.reset()
    } catch (error) {
      signal.throwIfAborted()
      // Past `until` the deadline has ended the reading.
      if (!isOver()) {
        if (!(error instanceof EngineError) || !error.transient) throw error
        await backoff.wait(signal)
        continue
      }
    }
    if (container.state !== 'running' || isOver()) {
      // What was written between the last record that was read and the end.
      yield* readFrom(
        deps,
        container,
        query,
        { ...position, follow: false, isLast: true, tail: undefined },
        signal,
      )
      return
    }
    await wait(reopenMs, undefined, { signal })
  }
}

function grow(tail: number | undefined): number | undefined {
  const more = (tail ?? tailMax) * tailGrowth
  return more < tailMax ? more : undefined
}

function toDeadline(until: number | undefined, signal: AbortSignal): AbortSignal {
  if (until === undefined) return signal
  const ms = Math.min(Math.max(until - Date.now(), 0), timerMaxMs)
  return AbortSignal.any([AbortSignal.timeout(ms), signal])
}
