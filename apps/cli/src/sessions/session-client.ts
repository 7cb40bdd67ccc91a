import {
  ackEveryBytes,
  type Channel,
  type Control,
  type Frame,
  frameType,
  GpulabError,
  parseControl,
  type Session,
  type SessionSignal,
  toChannelFailure,
  toControlFrame,
} from '@gpulab/contract'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import { type Ending, toEnding } from './ending.ts'
import { InputWindow } from './input-window.ts'
import { OutputProgress } from './output-progress.ts'
import { Latch } from './latch.ts'
import { Retries } from './retries.ts'

export type SessionApi = { readonly sessions: Pick<ApiClient['sessions'], 'attach' | 'get'> }

/** Resolves when the bytes have been taken, so that a slow reader holds the program back. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/** What the user of a connection may want to know of it. */
export type News =
  | { readonly kind: 'attached' }
  /** The connection is gone and was not back at once; it will be tried to go on. */
  | { readonly kind: 'cut'; readonly error: GpulabError }
  | { readonly kind: 'back' }
  /** So many bytes of output were dropped here. */
  | { readonly kind: 'gap'; readonly bytes: number }

export interface SessionIo {
  /** Bytes for the program; its end is the end of the program's input. Read only as far as the program reads. */
  readonly input?: AsyncIterable<Uint8Array> | undefined
  readonly output: Sink
  readonly error: Sink
  /** Leaves the session, which goes on; `run` rejects with its reason. */
  readonly signal: AbortSignal
  readonly onNews?: ((news: News) => void | Promise<void>) | undefined
}

export interface SessionPlace {
  readonly uuid: string
  readonly id: string
}

export interface SessionClientOptions {
  /** From where on output is wanted. */
  readonly offset?: number
  /** Whether a first attachment that fails is tried again as after a cut; so for a session that was made just now. */
  readonly isNew?: boolean
  /** Attached to it already, from its beginning. */
  readonly channel?: Channel | undefined
  /** How long after a cut it may go on trying. */
  readonly giveUpMs?: number
}

const giveUpMs = 10 * 60_000
const attachMs = 20_000
/** Output that was given to its sink and is not taken yet. */
const inFlightMaxBytes = 256 << 10
const goodbyeMs = 2000
/** Of output, at once; and what is less, though not too little, after a moment: a session may keep no more. */
const ackMostBytes = 128 << 10
const ackLeastBytes = ackEveryBytes / 2
const ackMs = 5
/** How long a request that got no answer may still turn up at the host and take our own place. */
const strayMs = 60_000

interface Size {
  readonly columns: number
  readonly rows: number
}

/**
 * A client of one session, from attaching to its end, over any number of connections.
 *
 * Invariants: one connection at a time; every byte of output goes to its sink once, in order; a byte of input is kept
 * until the session has acknowledged it.
 */
export class SessionClient {
  readonly #api: SessionApi
  readonly #place: SessionPlace
  readonly #io: SessionIo
  readonly #options: SessionClientOptions
  readonly #output: OutputProgress
  readonly #retries: Retries
  readonly #steadyMs: number
  readonly #failed = new AbortController()
  readonly #stop: AbortSignal
  /** Something is to be sent. */
  readonly #sending = new Latch()
  /** Output was taken. */
  readonly #taking = new Latch()
  /** The window has room for more input. */
  readonly #room = new Latch()
  readonly #signals: SessionSignal[] = []
  readonly #input = new InputWindow()
  #first: Channel | undefined
  #hasAttached = false
  #inputEnded = false
  #size: Size | undefined
  #sizeDue = false
  #inFlightBytes = 0
  #ackBytes = ackMostBytes
  #isAckSoon = false
  #lastSink: Sink | undefined
  #strayUntilMs = 0
  #isCut = false

  constructor(api: SessionApi, place: SessionPlace, io: SessionIo, options: SessionClientOptions = {}) {
    this.#api = api
    this.#place = place
    this.#io = io
    this.#options = options
    this.#first = options.channel
    this.#output = new OutputProgress(options.offset ?? 0)
    this.#retries = new Retries(options.giveUpMs ?? giveUpMs, () => performance.now())
    this.#steadyMs = (options.giveUpMs ?? giveUpMs) / 60
    this.#stop = AbortSignal.any([io.signal, this.#failed.signal])
  }

  /** Goes to the program when there is a connection. */
  sendSignal(signal: SessionSignal): void {
    this.#signals.push(signal)
    this.#sending.open()
  }

  resize(size: Size): void {
    this.#size = size
    this.#sizeDue = true
    this.#sending.open()
  }

  /** Until the session has ended; throws GpulabError when it can't be followed any more. To be called once. */
  async run(): Promise<Ending> {
    // Before there is a connection: a user may want to leave.
    if (this.#io.input) void this.#readInput(this.#input, this.#io.input)
    for (;;) {
      try {
        const ending = await this.#attach()
        if (ending) return ending
        this.#stop.throwIfAborted()
        await this.#waitAfter(new GpulabError('session_interrupted'))
      } catch (error) {
        this.#stop.throwIfAborted()
        if (!(error instanceof GpulabError)) throw error
        if (error.code === 'session_taken_over' && !this.#isStray()) throw error
        const mayPass = error.retryable || error.code === 'session_taken_over'
        if (!mayPass) return await this.#findEnd(error)
        if (!this.#options.isNew && !this.#hasAttached) throw error
        if (error.code === 'api_unreachable') this.#strayUntilMs = performance.now() + strayMs
        await this.#waitAfter(error)
      }
    }
  }

  /** A request of ours that was given up may have been served since. */
  #isStray(): boolean {
    const isStray = performance.now() < this.#strayUntilMs
    this.#strayUntilMs = 0
    return isStray
  }

  async #waitAfter(failure: GpulabError): Promise<void> {
    const delayMs = this.#retries.failed()
    if (delayMs === undefined) throw failure
    // A server that leaves has another one go on: that is nothing to be told.
    if (!this.#isCut && this.#retries.failures > 1) {
      this.#isCut = true
      await this.#io.onNews?.({ kind: 'cut', error: failure })
    }
    await delay(delayMs, undefined, { signal: this.#stop }).catch(() => this.#stop.throwIfAborted())
  }

  /** It may have ended, and be known still, although there is nothing to attach to. */
  async #findEnd(failure: GpulabError): Promise<Ending> {
    const session: Session | undefined = await this.#api.sessions
      .get({ params: this.#place }, { signal: this.#stop })
      .catch(() => undefined)
    if (session?.state !== 'ended') throw failure
    await this.#flush()
    const lostBytes = session.end_offset - this.#output.received
    if (lostBytes > 0) await this.#io.onNews?.({ kind: 'gap', bytes: lostBytes })
    return toEnding(session)
  }

  /** One connection; undefined when it was cut. */
  async #attach(): Promise<Ending | undefined> {
    const query = { offset: this.#output.received, acks: 'true' } as const
    const first = this.#first
    this.#first = undefined
    const channel =
      first ??
      (await this.#api.sessions.attach(
        { params: this.#place, query },
        { signal: this.#stop, timeoutMs: attachMs },
      ))
    const connection = { channel, isOpen: true }
    const cut = (): void => channel.destroy()
    this.#stop.addEventListener('abort', cut, { once: true })
    if (this.#stop.aborted) cut()
    let resumedMs: number | undefined
    let sender: Promise<void> | undefined
    try {
      for await (const frame of connection.channel.incoming) {
        const control = frame.type === frameType.control ? parseControl(frame) : undefined
        if (control?.type === 'resumed') {
          await this.#resume(control)
          resumedMs = performance.now()
          sender = this.#send(connection)
          continue
        }
        // Not at `resumed`: a session may be reached and be lost again at once, over and over.
        this.#retries.succeeded()
        const ending = control ? await this.#obey(control) : await this.#deliver(frame)
        if (!ending) continue
        await this.#flush()
        await this.#sayGoodbye(channel)
        return ending
      }
      return undefined
    } catch (error) {
      this.#stop.throwIfAborted()
      if (error instanceof GpulabError) throw error
      return undefined
    } finally {
      connection.isOpen = false
      this.#stop.removeEventListener('abort', cut)
      this.#sending.open()
      channel.destroy()
      // One on which nothing was said for long was well all the same.
      if (resumedMs !== undefined && performance.now() - resumedMs >= this.#steadyMs)
        this.#retries.succeeded()
      await sender
    }
  }

  async #resume({ offset, input_offset: inputOffset }: Control & { type: 'resumed' }): Promise<void> {
    const gapBytes = this.#output.resume(offset)
    if (gapBytes > 0) await this.#skip(gapBytes)
    this.#input.resume(inputOffset)
    this.#room.open()
    // It may have changed while nobody could tell.
    this.#sizeDue = this.#size !== undefined
    if (!this.#hasAttached) await this.#io.onNews?.({ kind: 'attached' })
    else if (this.#isCut) await this.#io.onNews?.({ kind: 'back' })
    this.#hasAttached = true
    this.#isCut = false
  }

  async #obey(control: Control): Promise<Ending | undefined> {
    switch (control.type) {
      case 'ack':
        this.#input.ack(control.offset)
        this.#room.open()
        return undefined
      case 'gap':
        await this.#skip(control.bytes)
        return undefined
      case 'exit':
        return toEnding(control)
      case 'error':
        throw toChannelFailure(control)
      case 'resumed':
      case 'resize':
      case 'signal':
      case 'eof':
        throw new GpulabError('answer_invalid', { message: `A session does not send "${control.type}".` })
    }
  }

  async #skip(bytes: number): Promise<void> {
    await this.#flush()
    this.#output.receiveGap(bytes)
    this.#output.take(bytes)
    await this.#io.onNews?.({ kind: 'gap', bytes })
  }

  async #deliver({ type, payload }: Frame): Promise<undefined> {
    const bytes = this.#output.receive(payload)
    if (bytes.length === 0) return
    const sink = type === frameType.stderr ? this.#io.error : this.#io.output
    // What the program wrote to one stream after the other comes out in that order.
    if (sink !== this.#lastSink) await this.#flush()
    this.#lastSink = sink
    this.#inFlightBytes += bytes.length
    void this.#give(sink, bytes)
    await this.#flush(inFlightMaxBytes)
  }

  async #give(sink: Sink, bytes: Uint8Array): Promise<void> {
    try {
      await sink(bytes)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#inFlightBytes -= bytes.length
    this.#output.take(bytes.length)
    this.#taking.open()
    this.#sending.open()
    if (this.#isAckSoon) return
    this.#isAckSoon = true
    setTimeout(() => {
      this.#isAckSoon = false
      this.#ackBytes = ackLeastBytes
      this.#sending.open()
    }, ackMs).unref()
  }

  /** Until no more than so many bytes wait for their reader. */
  async #flush(bytes = 0): Promise<void> {
    while (this.#inFlightBytes > bytes) {
      this.#stop.throwIfAborted()
      await this.#taking.wait()
    }
  }

  #fail(error: unknown): void {
    this.#failed.abort(error)
    this.#taking.open()
  }

  async #readInput(window: InputWindow, input: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of input) {
        notePassed(bytes.length)
        for (let at = 0; at < bytes.length;) {
          while (window.room === 0) await this.#room.wait()
          const part = bytes.subarray(at, at + window.room)
          window.add(part)
          at += part.length
          this.#sending.open()
        }
      }
      this.#inputEnded = true
      this.#sending.open()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Sends what there is to send, as long as the connection holds. */
  async #send(connection: { readonly channel: Channel; readonly isOpen: boolean }): Promise<void> {
    const state = { hasEnded: false }
    try {
      while (connection.isOpen) {
        const frame = this.#nextFrame(state)
        if (frame) await connection.channel.send(frame)
        else await this.#sending.wait()
      }
    } catch {
      // A connection that is cut shows where it is read.
    }
  }

  #nextFrame(state: { hasEnded: boolean }): Frame | undefined {
    const signal = this.#signals.shift()
    if (signal) return toControlFrame({ type: 'signal', signal })
    if (this.#sizeDue && this.#size) {
      this.#sizeDue = false
      return toControlFrame({ type: 'resize', ...this.#size })
    }
    const offset = this.#output.ack(this.#ackBytes)
    if (offset !== undefined) {
      this.#ackBytes = ackMostBytes
      return toControlFrame({ type: 'ack', offset })
    }
    const bytes = this.#input.take()
    if (bytes) return { type: frameType.stdin, payload: bytes }
    if (!this.#inputEnded || state.hasEnded) return undefined
    state.hasEnded = true
    return toControlFrame({ type: 'eof' })
  }

  /** Lets the session forget its output at once. It has ended whatever becomes of that. */
  async #sayGoodbye(channel: Channel): Promise<void> {
    const offset = this.#output.ack(1)
    if (offset === undefined) return
    const goodbye = channel.send(toControlFrame({ type: 'ack', offset })).then(() => channel.end())
    await Promise.race([goodbye, delay(goodbyeMs, undefined, { ref: false })]).catch(() => {})
  }
}
