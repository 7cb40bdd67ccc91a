import { GpulabError, type SessionOutput } from '@gpulab/contract'
import type { OffsetOutput } from '@gpulab/guest'
import { orAbort } from '@gpulab/transport/or-abort'
import type { OutputLog } from './output-log.ts'
import type { Session } from './session.ts'

interface Range {
  readonly offset: number
  /** Bytes at most. */
  readonly limit: number
}

/** The most that a container keeps of one session. */
const keptMaxBytes = 4 << 20
/** A guest gives at once what it keeps. */
const stallMs = 10_000

/** Of one container at a time, since what is read waits here for its reader. */
const readingsMax = 4

/** How many there are of what containers keep, by container. */
export type Readings = Map<string, number>

/** The output that is kept now. Takes none of it away from whoever attaches. */
export async function* readOutput(
  session: Session,
  range: Range,
  readings: Readings,
): AsyncGenerator<SessionOutput> {
  const { first, end } = await session.program.bounds()
  const { offset } = range
  const until = Math.min(end, offset + range.limit)
  if (offset >= until) return
  const { log } = session.program
  const items = log
    ? readLog(log, offset)
    : counted(readings, session.record.container_uuid, () =>
        readInContainer(session, { first, offset, until }),
      )
  for await (const item of items) {
    const length = item.kind === 'gap' ? item.lostBytes : item.bytes.length
    yield toEvent(item, until)
    if (item.offset + length >= until) return
  }
}

async function* counted<T>(
  readings: Readings,
  container: string,
  read: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  const count = readings.get(container) ?? 0
  if (count >= readingsMax)
    throw new GpulabError('rate_limited', {
      message: `The output of ${count} sessions of the container is being read already.`,
    })
  readings.set(container, count + 1)
  try {
    yield* read()
  } finally {
    const left = (readings.get(container) ?? 1) - 1
    if (left > 0) readings.set(container, left)
    else readings.delete(container)
  }
}

async function* readLog(log: OutputLog, offset: number): AsyncGenerator<OffsetOutput> {
  await using reader = log.read(offset)
  for (let item = await reader.next(); item; item = await reader.next()) yield item
}

async function* readInContainer(
  session: Session,
  { first, offset, until }: { readonly first: number; readonly offset: number; readonly until: number },
): AsyncGenerator<OffsetOutput> {
  if (session.isAttached)
    throw new GpulabError('session_attached', {
      hint: 'Wait until it leaves, or attach in its place: gpulab sessions attach.',
    })
  // To attach further on, or to take anything, would tell the guest that what is before is not needed any more.
  const from = Math.min(first, offset)
  const attachment = await session.attach(from, Math.min(until - first, keptMaxBytes))
  using claim = session.claim()
  const output = attachment.output()[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value: item } = await orAbort(output.next(), AbortSignal.timeout(stallMs))
      if (done) return
      claim.signal.throwIfAborted()
      const rest = skip(item, offset)
      if (rest) yield rest
    }
  } catch (error) {
    throw error instanceof GpulabError ? error : new GpulabError('session_interrupted', { cause: error })
  } finally {
    if (claim.signal.aborted) void attachment.leave()
    else session.release(attachment)
  }
}

/** What of it is not before the offset. */
function skip(item: OffsetOutput, offset: number): OffsetOutput | undefined {
  const bytes = Math.max(offset - item.offset, 0)
  if (item.kind === 'gap')
    return bytes < item.lostBytes
      ? { ...item, offset: item.offset + bytes, lostBytes: item.lostBytes - bytes }
      : undefined
  return bytes < item.bytes.length
    ? { ...item, offset: item.offset + bytes, bytes: item.bytes.subarray(bytes) }
    : undefined
}

function toEvent(item: OffsetOutput, until: number): SessionOutput {
  if (item.kind === 'gap') return { offset: item.offset, stream: null, data: null, gap: item.lostBytes }
  const data = item.bytes.subarray(0, until - item.offset).toString('base64')
  return { offset: item.offset, stream: item.kind, data, gap: null }
}
