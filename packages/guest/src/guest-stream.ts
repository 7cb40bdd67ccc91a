import { GuestError, fromErrno } from './errors.ts'
import { OutputQueue, type Output } from './output-queue.ts'
import { decodeEnding, decodeNumber, decodeOpened, type Ending } from './payloads.ts'
import { frameType, u32, type Frame } from './protocol.ts'

/** The connection as a stream sees it. `send` resolves when there is room for more. */
export interface StreamLink {
  send(type: number, payload?: Uint8Array): Promise<void>
}

/** Output with the offset of its first byte, or of the first byte that is missing. */
export type OffsetOutput = Output & { readonly offset: number }

const inputFrameBytes = 64 << 10
/** Half of what a guest keeps for each stream whatever the others have: so much less never holds it up. */
const untoldMaxBytes = 4 << 10
/** More than any guest grants. */
const grantMaxBytes = 1 << 20

const violation = (what: string): GuestError => new GuestError('protocol', `The guest ${what}.`)

/**
 * One attachment to a session, or one dialled port. What is buffered here is bounded by the window that the guest was
 * given; whoever exceeds it, repeats or invents something breaks the protocol.
 *
 * Invariants: `#allowed` is what the guest may still send; `#granted` what we may still send; after `#final` nothing
 * changes any more.
 */
export class GuestStream {
  /** Resolves with how the session ended, after all output has arrived; rejects when this attachment ends earlier. */
  readonly ended: Promise<Ending>
  /** Offset of the next output that its reader will see: what to attach from after a cut. */
  offset = 0
  /** Bytes of input that the guest had taken when this attachment began. */
  inputOffset = 0

  readonly #link: StreamLink
  readonly #queue = new OutputQueue()
  readonly #opening = Promise.withResolvers<this>()
  readonly #ending = Promise.withResolvers<Ending>()
  readonly #released = Promise.withResolvers<void>()
  readonly #windowBytes: number
  readonly #tellFromBytes: number
  #allowed: number
  #untold = 0
  #telling: NodeJS.Immediate | undefined
  #granted = 0
  #opened = false
  #outputEnded = false
  #inputClosed = false
  #inputEnded = false
  #detaching = false
  #gapBefore = false
  #final: GuestError | 'ended' | undefined
  #wakeReader = (): void => undefined
  #wakeWriter = (): void => undefined
  #writing: Promise<void> = Promise.resolve()

  /** A dialled port ends with its attachment: of its last few bytes nobody needs to know that they were taken. */
  constructor(link: StreamLink, windowBytes: number, { isPort = false } = {}) {
    this.#link = link
    this.#windowBytes = windowBytes
    this.#tellFromBytes = isPort ? untoldMaxBytes : 1
    this.#allowed = windowBytes
    this.ended = this.#ending.promise
    for (const promise of [this.ended, this.#opening.promise]) promise.catch(() => undefined)
  }

  /** Resolves when the guest has opened the stream. */
  get whenOpened(): Promise<this> {
    return this.#opening.promise
  }

  /**
   * The output in order, to be read once. Reading slowly holds the guest back. Throws after all that arrived when the
   * attachment ends before the session's output does. Leaving the loop early does not detach. With `keep` nothing
   * counts as taken until `take` says so: a lossless session keeps it for whoever attaches next.
   */
  async *output({ keep = false } = {}): AsyncGenerator<OffsetOutput, void, void> {
    for (;;) {
      const item = this.#queue.shift()
      if (item) {
        const bytes = item.kind === 'gap' ? 0 : item.bytes.length
        try {
          yield { ...item, offset: this.offset }
        } finally {
          this.offset += item.kind === 'gap' ? item.lostBytes : bytes
          if (!keep) this.take(bytes)
        }
      } else if (this.#outputEnded || this.#final === 'ended') return
      else if (this.#final) throw this.#final
      else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve
        })
      }
    }
  }

  /**
   * What its reader is done with, gaps not counted; told once for all that was read together, as the guest may be waiting
   * for it.
   */
  take(bytes: number): void {
    this.#untold += bytes
    if (this.#untold >= this.#windowBytes / 4) this.#tell()
    else if (this.#untold >= this.#tellFromBytes) this.#telling ??= setImmediate(() => this.#tell())
  }

  #tell(): void {
    clearImmediate(this.#telling)
    this.#telling = undefined
    if (this.#untold === 0 || this.#final || this.#detaching) return
    this.#allowed += this.#untold
    this.#link.send(frameType.taken, u32(this.#untold)).catch(() => undefined)
    this.#untold = 0
  }

  /** Whether the other side takes no more input. */
  get inputClosed(): boolean {
    return this.#inputClosed || this.#final !== undefined
  }

  /** Resolves when the guest has room for more. Throws `EPIPE` when the program takes no more input. */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#writing.then(() => this.#writeNow(bytes))
    this.#writing = written.catch(() => undefined)
    return written
  }

  /** True end of file, after all that was written. On a terminal what ^D means there. */
  endInput(): Promise<void> {
    const ended = this.#writing.then(() => this.#endNow())
    this.#writing = ended.catch(() => undefined)
    return ended
  }

  /** Leaves: the session goes on and keeps its newest output; a dialled port is reset. */
  async detach(): Promise<void> {
    if (this.#final || this.#detaching) return this.#released.promise
    this.#detaching = true
    await this.#link.send(frameType.detach)
    await this.#released.promise
  }

  /** Takes a frame of the guest; says whether it was the last. */
  accept(frame: Frame): boolean {
    switch (frame.type) {
      case frameType.opened:
        return this.#open(frame.payload)
      case frameType.stdout:
      case frameType.stderr:
        return this.#receive(frame.type === frameType.stdout ? 'stdout' : 'stderr', frame.payload)
      case frameType.gap:
        return this.#receiveGap(decodeNumber(frame.payload, 8))
      case frameType.endOutput:
        return this.#endOutput()
      case frameType.grant:
        return this.#addGrant(decodeNumber(frame.payload, 4))
      case frameType.closedInput:
        return this.#closeInput()
      case frameType.exit:
        return this.#end(decodeEnding(frame.payload))
      case frameType.error:
        return this.#fail(fromErrno(decodeNumber(frame.payload, 4)))
      case frameType.result:
        if (!this.#detaching) throw violation('answered what was not asked')
        return this.#fail(new GuestError('detached', 'This attachment was left.'))
      default:
        throw violation(`sent a frame of type ${frame.type}`)
    }
  }

  /** The connection is gone. */
  fail(error: GuestError): void {
    this.#fail(error)
  }

  #open(payload: Buffer): boolean {
    if (this.#opened) throw violation('opened a stream twice')
    this.#opened = true
    const { offset, inputOffset, granted, takesInput } = decodeOpened(payload)
    if (granted > grantMaxBytes) throw violation('granted too much')
    this.offset = offset
    this.inputOffset = inputOffset
    this.#granted = granted
    this.#inputClosed = !takesInput
    this.#opening.resolve(this)
    return false
  }

  #requireOutput(): void {
    if (!this.#opened || this.#outputEnded) throw violation('sent output out of turn')
  }

  #receive(kind: 'stdout' | 'stderr', bytes: Buffer): boolean {
    this.#requireOutput()
    this.#allowed -= bytes.length
    if (this.#allowed < 0) throw violation('sent more than it may')
    this.#gapBefore = false
    if (this.#detaching) return false
    this.#queue.push(kind, bytes)
    this.#wakeReader()
    return false
  }

  #receiveGap(lostBytes: number): boolean {
    this.#requireOutput()
    if (this.#gapBefore || lostBytes === 0) throw violation('sent a gap within a gap')
    this.#gapBefore = true
    if (!this.#detaching) this.#queue.pushGap(lostBytes)
    return false
  }

  #endOutput(): boolean {
    this.#requireOutput()
    this.#outputEnded = true
    this.#wakeReader()
    return false
  }

  #addGrant(more: number): boolean {
    this.#granted += more
    if (!this.#opened || more === 0 || this.#granted > grantMaxBytes) throw violation('granted too much')
    this.#wakeWriter()
    return false
  }

  #closeInput(): boolean {
    if (!this.#opened || this.#inputClosed) throw violation('closed the input twice')
    this.#inputClosed = true
    this.#wakeWriter()
    return false
  }

  #end(ending: Ending): boolean {
    this.#final = 'ended'
    // A dialled port that refuses was never opened.
    this.#opening.reject(
      new GuestError(ending.failure?.code ?? 'protocol', 'The container does not answer there.'),
    )
    this.#ending.resolve(ending)
    return this.#release()
  }

  #fail(error: GuestError): boolean {
    if (this.#final) return true
    this.#final = error
    this.#opening.reject(error)
    this.#ending.reject(error)
    return this.#release()
  }

  #release(): boolean {
    this.#released.resolve()
    this.#wakeReader()
    this.#wakeWriter()
    return true
  }

  async #endNow(): Promise<void> {
    if (this.inputClosed || this.#inputEnded) return
    this.#inputEnded = true
    await this.#link.send(frameType.endInput)
  }

  async #writeNow(bytes: Uint8Array): Promise<void> {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#final instanceof GuestError) throw this.#final
      if (this.inputClosed || this.#inputEnded)
        throw new GuestError('EPIPE', 'The program takes no more input.')
      const part = rest.subarray(0, Math.min(this.#granted, inputFrameBytes))
      if (part.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve
        })
        continue
      }
      this.#granted -= part.length
      rest = rest.subarray(part.length)
      await this.#link.send(frameType.input, part)
    }
  }
}
