import { GpulabError, type SessionOutput } from '@gpulab/contract'
import type { OffsetOutput } from '@gpulab/guest'
import type { OutputLog } from './output-log.ts'
import type { Session } from './session.ts'

interface Range {
  readonly offset: number
  /** Bytes at most. */
  readonly limit: number
}

/** The output that is kept now. Takes none of it away from whoever attaches. */
export async function* readOutput(session: Session, { offset, limit }: Range): AsyncGenerator<SessionOutput> {
  const { end } = await session.program.bounds()
  const until = Math.min(end, offset + limit)
  if (offset >= until) return
  const { log } = session.program
  for await (const item of log ? readLog(log, offset) : readInContainer(session, offset)) {
    const length = item.kind === 'gap' ? item.lostBytes : item.bytes.length
    yield toEvent(item, until)
    if (item.offset + length >= until) return
  }
}

async function* readLog(log: OutputLog, offset: number): AsyncGenerator<OffsetOutput> {
  await using reader = log.read(offset)
  for (let item = await reader.next(); item; item = await reader.next()) yield item
}

async function* readInContainer(session: Session, offset: number): AsyncGenerator<OffsetOutput> {
  if (session.isAttached)
    throw new GpulabError('session_attached', {
      hint: 'Wait until it leaves, or attach in its place: gpulab sessions attach.',
    })
  const attachment = await session.attach(offset)
  using claim = session.claim()
  try {
    for await (const item of attachment.output()) {
      claim.signal.throwIfAborted()
      yield item
    }
  } finally {
    if (claim.signal.aborted) void attachment.leave()
    else session.release(attachment)
  }
}

function toEvent(item: OffsetOutput, until: number): SessionOutput {
  if (item.kind === 'gap') return { offset: item.offset, stream: null, data: null, gap: item.lostBytes }
  const data = item.bytes.subarray(0, until - item.offset).toString('base64')
  return { offset: item.offset, stream: item.kind, data, gap: null }
}
