import {
  type Channel,
  type Control,
  frameType,
  GpulabError,
  parseControl,
  sessionSignals,
  toControlFrame,
} from '@gpulab/contract'
import type { OffsetOutput } from '@gpulab/guest'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../clock.ts'
import { InputQueue, type InputTotal } from './input-queue.ts'
import { Pulse } from './output-log.ts'
import type { Attachment, SessionEnd } from './program.ts'
import type { Session } from './session.ts'

interface AttachOptions {
  readonly offset: number
  /** What the client has not acknowledged is kept. */
  readonly acks: boolean
}

/** How long a lost program may take to be found to have ended. */
const endMs = 15_000
/** What a client that acknowledges output may have on its way: not every one of them can stop its connection. */
const unacknowledgedMaxBytes = 1 << 20
/** How long a client may take to acknowledge the last output. */
const lastAckMs = 5000

/** Serves one client of a session until it leaves, is replaced, or the session has ended. */
export async function serveAttachment(
  { clock, inputTotal }: { readonly clock: Clock; readonly inputTotal: InputTotal },
  session: Session,
  { offset, acks }: AttachOptions,
  open: () => Promise<Channel>,
  caller: AbortSignal,
): Promise<void> {
  // First, so that one who asks for what can not be had puts nobody out.
  const attachment = await session.attach(offset)
  using claim = session.claim()
  const left = new AbortController()
  const stop = AbortSignal.any([claim.signal, caller, left.signal])
  try {
    const channel = await open()
    const send = (control: Control): Promise<void> => channel.send(toControlFrame(control))
    await send({ type: 'resumed', offset: attachment.offset, input_offset: attachment.inputOffset })
    const taken = new TakenOutput(attachment)
    const input = new InputQueue(attachment, inputTotal, (at) => {
      send({ type: 'ack', offset: at }).catch(() => {})
    })
    void readClient(session, channel, { input, taken, acks })
      .catch(() => {})
      .finally(() => {
        input.close()
        left.abort(new DOMException('The client has left', 'AbortError'))
      })
    const end = await orAbort(sendOutput(clock, session, channel, { taken, acks, stop }), stop)
    await send({
      type: 'exit',
      exit_code: end.exitCode,
      signal: end.signal,
      reason: end.reason,
      message: end.message,
    })
    if (session.record.detached) return
    // Whoever has it all needs it no more.
    const deadline = AbortSignal.any([stop, clock.timeout(lastAckMs)])
    if (!acks || (await isKept(orAbort(taken.all(), deadline)))) await session.forget()
  } catch (error) {
    if (!left.signal.aborted && !caller.aborted) throw error
  } finally {
    if (claim.signal.aborted) void attachment.leave()
    else session.release(attachment)
  }
}

const isKept = (promise: Promise<void>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  )

/** What the client was sent, and what it has. */
class TakenOutput {
  readonly #attachment: Attachment
  readonly #all = Promise.withResolvers<void>()
  readonly #pulse = new Pulse()
  #isComplete = false
  /** Offsets; gaps count, although the program need not be told of them. */
  #sent: number
  #taken: number
  readonly #gaps: { readonly from: number; readonly bytes: number }[] = []

  constructor(attachment: Attachment) {
    this.#attachment = attachment
    this.#sent = attachment.offset
    this.#taken = attachment.offset
  }

  output(): AsyncIterable<OffsetOutput> {
    return this.#attachment.output()
  }

  get sent(): number {
    return this.#sent
  }

  addSent(bytes: number, isGap: boolean): void {
    if (isGap) this.#gaps.push({ from: this.#sent, bytes })
    this.#sent += bytes
  }

  /** Throws where that was not sent yet. */
  take(offset: number): void {
    if (offset > this.#sent) throw new RangeError('acknowledged what was not sent')
    if (offset > this.#taken) {
      const gapBytes = this.#gapsBefore(offset)
      this.#attachment.take(Math.max(offset - this.#taken - gapBytes, 0))
      this.#taken = offset
      this.#pulse.beat()
    }
    if (this.#isComplete && this.#taken === this.#sent) this.#all.resolve()
  }

  /** Resolves when the client may be sent more. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#onTheirWay() >= unacknowledgedMaxBytes) await orAbort(this.#pulse.wait(), signal)
  }

  /** Resolves when the client has all that there will be. */
  all(): Promise<void> {
    this.#isComplete = true
    if (this.#taken === this.#sent) this.#all.resolve()
    return this.#all.promise
  }

  /** Of gaps there is nothing to hold. */
  #onTheirWay(): number {
    return this.#sent - this.#taken - this.#gaps.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #gapsBefore(offset: number): number {
    let bytes = 0
    while (this.#gaps[0] && this.#gaps[0].from < offset) bytes += this.#gaps.shift()?.bytes ?? 0
    return bytes
  }
}

interface ClientState {
  readonly input: InputQueue
  readonly taken: TakenOutput
  readonly acks: boolean
}

/** Never waits for the program, so that what is to end it gets through. */
async function readClient(
  session: Session,
  channel: Channel,
  { input, taken, acks }: ClientState,
): Promise<void> {
  for await (const frame of channel.incoming) {
    if (frame.type === frameType.stdin) {
      await input.push(frame.payload)
      continue
    }
    if (frame.type !== frameType.control) throw new RangeError('A client sends input and control frames.')
    const control = parseControl(frame)
    switch (control.type) {
      case 'eof':
        input.end()
        break
      case 'ack':
        if (acks) taken.take(control.offset)
        break
      // Neither is worth more than the stream: the program may just have ended.
      case 'resize':
        session.program.resize(control.columns, control.rows).catch(() => {})
        break
      case 'signal': {
        const signal = sessionSignals.find((name) => name === control.signal)
        if (signal) session.program.signal(signal).catch(() => {})
        break
      }
      case 'exit':
      case 'error':
      case 'gap':
      case 'resumed':
        throw new RangeError(`A client does not send "${control.type}".`)
    }
  }
}

async function sendOutput(
  clock: Clock,
  session: Session,
  channel: Channel,
  { taken, acks, stop }: Pick<ClientState, 'taken' | 'acks'> & { readonly stop: AbortSignal },
): Promise<SessionEnd> {
  try {
    for await (const item of taken.output()) {
      const bytes = item.kind === 'gap' ? item.lostBytes : item.bytes.length
      // Before it is sent: its acknowledgement may come while we wait for room.
      taken.addSent(bytes, item.kind === 'gap')
      if (item.kind !== 'gap') notePassed(bytes)
      if (item.kind === 'gap') await channel.send(toControlFrame({ type: 'gap', bytes }))
      else await channel.send({ type: frameType[item.kind], payload: item.bytes })
      if (acks) await taken.room(stop)
      else taken.take(taken.sent)
    }
  } catch (error) {
    // The program may be lost, which its end tells; or this attachment alone.
    return orAbort(session.ended, clock.timeout(endMs)).catch(() => {
      throw error instanceof GpulabError ? error : new GpulabError('session_interrupted', { cause: error })
    })
  }
  return session.ended
}
