import { GpulabError, type SessionSignal } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../clock.ts'
import { LogAttachments } from './log-attachment.ts'
import { Pulse } from './output-log.ts'
import type { Attachment, AttachPlace, Bounds, Program, SessionEnd } from './program.ts'
import type { Spool } from './spool.ts'

interface SpooledDeps {
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

const againMs = 500
/** A guest that lives dials again within a second or two. */
const reachMs = 5000

/**
 * A program whose output goes to disk as it comes, whoever is there to read it. So long as we are here it is slowed to
 * the disk's speed at most, instead of losing what it writes in bursts.
 */
export class SpooledProgram implements Program {
  readonly transport: Program['transport']
  readonly log: Spool
  readonly #deps: SpooledDeps
  readonly #inner: Program
  readonly #attachments: LogAttachments
  readonly #end: Promise<SessionEnd>
  readonly #reached = new Pulse()
  #source: Attachment | undefined
  #inputBytes = 0
  #hasEnded = false

  constructor(deps: SpooledDeps, inner: Program, spool: Spool) {
    this.#deps = deps
    this.transport = inner.transport
    this.#inner = inner
    this.log = spool
    this.#attachments = new LogAttachments(spool)
    this.#end = this.#watch()
  }

  async attach(place: AttachPlace): Promise<Attachment> {
    await this.#waitForSource()
    return this.#attachments.attach(place, {
      inputOffset: this.#inputBytes,
      write: (bytes) => this.#write(bytes),
      endInput: async () => this.#source?.endInput(),
    })
  }

  signal(signal: SessionSignal): Promise<void> {
    return this.#inner.signal(signal)
  }

  resize(columns: number, rows: number): Promise<void> {
    return this.#inner.resize(columns, rows)
  }

  kill(): Promise<void> {
    return this.#inner.kill()
  }

  bounds(): Promise<Bounds> {
    return Promise.resolve({ first: this.log.first, end: this.log.end })
  }

  waitForEnd(): Promise<SessionEnd> {
    return this.#end
  }

  forget(): Promise<void> {
    return this.log.remove()
  }

  /** Without it nobody knows how much input the program has. What is on disk can be read all the same. */
  async #waitForSource(): Promise<void> {
    const late = this.#deps.clock.timeout(reachMs)
    while (!this.#source && !this.#hasEnded && !late.aborted)
      await orAbort(Promise.race([this.#reached.wait(), this.#end]), late).catch(() => {})
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (!this.#source) throw new GpulabError('session_interrupted')
    this.#inputBytes += bytes.length
    await this.#source.write(bytes)
  }

  /** Ends when all output is on disk that will ever be. */
  async #watch(): Promise<SessionEnd> {
    const spooling = this.#spoolAll()
    const end = await this.#inner.waitForEnd()
    this.#hasEnded = true
    await spooling
    await this.log.finish()
    await this.#inner.forget().catch(() => {})
    return end
  }

  async #spoolAll(): Promise<void> {
    const { clock } = this.#deps
    for (;;) {
      // The last try comes after the end, so that what was written before it is not missed.
      const isLastTry = this.#hasEnded
      try {
        this.#source = await this.#inner.attach({ offset: this.log.end, lossless: true })
        this.#inputBytes = this.#source.inputOffset
        this.#attachments.interruptInput()
        this.#reached.beat()
        for await (const item of this.#source.output()) {
          await this.log.add(item)
          if (item.kind !== 'gap') this.#source.take(item.bytes.length)
        }
        return
      } catch (error) {
        this.#deps.log.debug({ err: error }, 'output is spooled no more')
        if (isLastTry) return
        this.#source = undefined
        this.#attachments.interruptInput()
      }
      await clock.wait(againMs)
    }
  }
}
