import {
  type Channel,
  type Control,
  type Frame,
  frameType,
  inputWindowBytes,
  parseControl,
  type SessionOutput,
  toControlFrame,
} from '@gpulab/contract'

type Kind = 'stdout' | 'stderr'
type Exit = Omit<Extract<Control, { type: 'exit' }>, 'type'>

/** What runs in it. */
export interface FakeProgram {
  start?(session: FakeSession): void
  input?(session: FakeSession, bytes: Uint8Array): void
  endInput?(session: FakeSession): void
  signal?(session: FakeSession, signal: string): void
}

const lagBytes = 64 << 10
const ackEveryBytes = 128 << 10

export const exitOf = (exitCode: number | null, more: Partial<Exit> = {}): Exit => ({
  exit_code: exitCode,
  signal: null,
  reason: 'exited',
  message: null,
  ...more,
})

/** A session as docs/sessions.md has it, in memory. Checks that its clients keep to the rules. */
export class FakeSession {
  readonly sizes: string[] = []
  readonly signals: string[] = []
  readonly problems: string[] = []
  attachments = 0
  acked = 0
  exit: Exit | undefined
  /** Said instead of any more output, once. */
  error: Extract<Control, { type: 'error' }> | undefined
  #program: FakeProgram
  #runs: { readonly kind: Kind | 'gap'; readonly offset: number; readonly bytes: Uint8Array }[] = []
  #end = 0
  #inputBytes = 0
  #hasInputEnded = false
  #changed = Promise.withResolvers<void>()

  constructor(program: FakeProgram) {
    this.#program = program
    program.start?.(this)
  }

  get end(): number {
    return this.#end
  }

  write(kind: Kind, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#runs.push({ kind, offset: this.#end, bytes: bytes.slice() })
    this.#end += bytes.length
    this.beat()
  }

  /** So many bytes were dropped here. */
  drop(bytes: number): void {
    this.#runs.push({ kind: 'gap', offset: this.#end, bytes: new Uint8Array(bytes) })
    this.#end += bytes
    this.beat()
  }

  finish(exit: Exit): void {
    this.exit = exit
    this.beat()
  }

  /** What is kept now. */
  async *read(offset: number): AsyncGenerator<SessionOutput> {
    for (const run of this.#runs.filter((each) => each.offset >= offset)) {
      if (run.kind === 'gap') yield { offset: run.offset, stream: null, data: null, gap: run.bytes.length }
      else
        yield {
          offset: run.offset,
          stream: run.kind,
          data: Buffer.from(run.bytes).toString('base64'),
          gap: null,
        }
    }
  }

  beat(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Until the client is gone or has been told the end. */
  async serve(channel: Channel, { offset }: { readonly offset: number }): Promise<void> {
    this.attachments++
    const connection = { isOpen: true, sent: offset }
    const send = (control: Control): Promise<void> => channel.send(toControlFrame(control))
    await send({ type: 'resumed', offset, input_offset: this.#inputBytes })
    const reading = this.#read(channel, connection)
      // A connection that was cut.
      .catch(() => {})
      .finally(() => {
        connection.isOpen = false
        this.beat()
      })
    let at = offset
    while (connection.isOpen) {
      const { error } = this
      if (error) {
        this.error = undefined
        return send(error)
      }
      const run = this.#runs.find((each) => at < each.offset + each.bytes.length)
      if (!run) {
        if (this.exit) break
        await this.#changed.promise
        continue
      }
      const bytes = run.bytes.subarray(at - run.offset)
      at += bytes.length
      connection.sent = at
      if (run.kind === 'gap') await send({ type: 'gap', bytes: bytes.length })
      else await channel.send({ type: frameType[run.kind], payload: bytes })
    }
    if (!connection.isOpen || !this.exit) return
    await send({ type: 'exit', ...this.exit })
    if (this.acked < this.#end) await reading
  }

  async #read(channel: Channel, connection: { readonly sent: number }): Promise<void> {
    let acked = this.#inputBytes
    for await (const frame of channel.incoming) {
      if (frame.type === frameType.stdin) {
        if (this.#hasInputEnded) this.problems.push('input after its end')
        this.#inputBytes += frame.payload.length
        if (this.#inputBytes > acked + inputWindowBytes)
          this.problems.push('more input than the window takes')
        this.#program.input?.(this, frame.payload)
        if (this.#inputBytes - lagBytes >= acked + ackEveryBytes) {
          acked = this.#inputBytes - lagBytes
          await channel.send(toControlFrame({ type: 'ack', offset: acked }))
        }
      } else this.#obey(frame, connection.sent)
      if (this.exit && this.acked === this.#end) return
    }
  }

  #obey(frame: Frame, sent: number): void {
    const control = parseControl(frame)
    switch (control.type) {
      case 'ack':
        if (control.offset > sent) this.problems.push('output is acknowledged that was not sent')
        this.acked = Math.max(this.acked, control.offset)
        return
      case 'resize':
        this.sizes.push(`${control.columns}x${control.rows}`)
        return
      case 'signal':
        this.signals.push(control.signal)
        this.#program.signal?.(this, control.signal)
        return
      case 'eof':
        if (!this.#hasInputEnded) this.#program.endInput?.(this)
        this.#hasInputEnded = true
        return
      case 'gap':
      case 'exit':
      case 'error':
      case 'resumed':
        this.problems.push(`a client said ${control.type}`)
    }
  }
}

/** Gives back what it gets. */
export const cat: FakeProgram = {
  input: (session, bytes) => session.write('stdout', bytes),
  endInput: (session) => session.finish(exitOf(0)),
}
