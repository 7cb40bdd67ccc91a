import { GpulabError, type Session as SessionView } from '@gpulab/contract'
import type { Clock } from '../clock.ts'
import type { Attachment, Bounds, Program, SessionEnd } from './program.ts'
import type { SessionRecord } from './session-record.ts'

export interface SessionOptions {
  readonly clock: Clock
  /** How long a program without a terminal waits for a reader that has left. */
  readonly holdMs: number
  /** Its record has changed. */
  onChange(record: SessionRecord): void
}

/** How long after a session's end all that was killed with it may take to be gone. */
const outlastMs = 1000

/** The one client of a session, until another one takes its place. */
export interface Claim extends Disposable {
  /** Aborts with `session_taken_over`. */
  readonly signal: AbortSignal
}

/**
 * A program with those who come and go.
 *
 * Invariants: at most one claim; at most one attachment that is meant to be read, the newest; after `ended` the record
 * does not change.
 */
export class Session {
  readonly program: Program
  readonly ended: Promise<SessionEnd>
  #record: SessionRecord
  readonly #options: SessionOptions
  #claim: AbortController | undefined
  #holdTimer: NodeJS.Timeout | undefined
  #letGoLater: (() => Promise<void>) | undefined
  #lastSeenMs: number
  #expired = false

  constructor(record: SessionRecord, program: Program, options: SessionOptions) {
    this.#record = record
    this.program = program
    this.#options = options
    this.#lastSeenMs = options.clock.now()
    this.ended = record.end ? Promise.resolve(toEnd(record.end)) : this.#watch()
    if (this.isLossless && !record.end) this.#limitHold(() => this.#letGo())
  }

  get record(): SessionRecord {
    return this.#record
  }

  get id(): string {
    return this.#record.id
  }

  get hasEnded(): boolean {
    return this.#record.end !== null
  }

  get isAttached(): boolean {
    return this.#claim !== undefined
  }

  /** When somebody was last attached to it. */
  get lastSeenMs(): number {
    return this.isAttached ? this.#options.clock.now() : this.#lastSeenMs
  }

  /** A slow reader holds the program back, as a pipe does. */
  get isLossless(): boolean {
    return !this.#record.tty && !this.#record.detached
  }

  /** Becomes its one client. */
  claim(): Claim {
    this.#claim?.abort(new GpulabError('session_taken_over', { hint: 'Attach again to take it back.' }))
    const controller = new AbortController()
    this.#claim = controller
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        if (this.#claim !== controller) return
        this.#claim = undefined
        this.#lastSeenMs = this.#options.clock.now()
      },
    }
  }

  /** For whoever holds the claim. */
  async attach(offset: number, windowBytes?: number): Promise<Attachment> {
    const letGo = this.#letGoLater
    clearTimeout(this.#holdTimer)
    try {
      return await this.program.attach({ offset, lossless: this.isLossless, windowBytes })
    } catch (error) {
      // It is as alone as before.
      if (letGo) this.#limitHold(letGo)
      throw error
    }
  }

  /** Keeps what nobody has taken for the next one, for a while; then the newest only. */
  release(attachment: Attachment): void {
    if (!this.isLossless || this.hasEnded) {
      void attachment.leave()
      return
    }
    this.#limitHold(() => attachment.leave())
  }

  /** As `release`, for one that nobody has attached to in this run of the agent. */
  async holdFrom(offset: number): Promise<void> {
    this.release(await this.program.attach({ offset, lossless: true }))
  }

  async kill(why: 'killed' | 'expired'): Promise<void> {
    if (this.hasEnded) return
    if (why === 'expired') this.#expired = true
    // What hangs in the kernel outlasts the session, whose end tells of it.
    const outlasted = this.ended.then(() => this.#options.clock.wait(outlastMs))
    await Promise.race([this.program.kill(), outlasted])
    await this.ended
  }

  /** Nothing of it is kept any more but how it ended. */
  async forget(): Promise<void> {
    clearTimeout(this.#holdTimer)
    await this.program.forget()
  }

  /** Its output so far need not be asked for where it has only begun. */
  async view(bounds: Bounds | Promise<Bounds> = this.program.bounds()): Promise<SessionView> {
    const { first, end } = await bounds
    const {
      end: ending,
      argv: _argv,
      workdir: _dir,
      incarnation: _run,
      run_started_at: _at,
      ...rest
    } = this.#record
    return {
      ...rest,
      state: ending ? 'ended' : 'running',
      ended_at: ending?.at ?? null,
      exit_code: ending?.exit_code ?? null,
      signal: ending?.signal ?? null,
      reason: ending?.reason ?? null,
      message: ending?.message ?? null,
      first_offset: first,
      end_offset: end,
      attached: this.isAttached,
    }
  }

  /** Nobody came to read it. */
  async #letGo(): Promise<void> {
    const attachment = await this.program.attach({ offset: 0, lossless: false })
    await attachment.leave()
  }

  #limitHold(end: () => Promise<void>): void {
    clearTimeout(this.#holdTimer)
    this.#letGoLater = end
    this.#holdTimer = setTimeout(() => void end().catch(() => {}), this.#options.holdMs)
    this.#holdTimer.unref()
  }

  async #watch(): Promise<SessionEnd> {
    const found = await this.program.waitForEnd()
    const end: SessionEnd = this.#expired ? { ...found, reason: 'expired' } : found
    this.#record = {
      ...this.#record,
      end: {
        at: new Date(this.#options.clock.now()).toISOString(),
        exit_code: end.exitCode,
        signal: end.signal,
        reason: end.reason,
        message: end.message,
      },
    }
    this.#options.onChange(this.#record)
    return end
  }
}

const toEnd = ({ exit_code, signal, reason, message }: NonNullable<SessionRecord['end']>): SessionEnd => ({
  exitCode: exit_code,
  signal,
  reason,
  message,
})
