import { type Channel, encodeFrameHeader, type Frame, FrameDecoder } from '@gpulab/contract'
import { Inbox } from './inbox.ts'

/** Bun's own connection, which takes as much of what is written as there is room for, and tells when there is more. */
export interface NativeSocket {
  readonly authorized: boolean
  write(bytes: Uint8Array): number
  pause(): void
  resume(): void
  end(): void
  terminate(): void
}

/** Copying so little is cheaper than writing two parts. */
const joinMaxBytes = 4096
/** Servers say something every 15 s. */
const silenceMaxMs = 40_000

/** A channel over one of Bun's connections, which tells it of what happens there. */
export class NativeChannel implements Channel {
  readonly incoming: AsyncIterable<Frame>
  readonly #socket: NativeSocket
  readonly #decoder = new FrameDecoder()
  readonly #inbox: Inbox
  readonly #unsent: Uint8Array[] = []
  #room = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  readonly #watch: NodeJS.Timeout
  #isClosed = false
  #isPaused = false
  #heardMs = performance.now()

  constructor(socket: NativeSocket) {
    this.#socket = socket
    this.#inbox = new Inbox({
      pause: () => this.#hold(true),
      resume: () => this.#hold(false),
      leave: () => socket.terminate(),
    })
    this.incoming = this.#inbox.read()
    this.#watch = setInterval(() => this.#endSilent(), silenceMaxMs / 8)
    this.#watch.unref()
  }

  onData(bytes: Uint8Array): void {
    this.#heardMs = performance.now()
    try {
      for (const frame of this.#decoder.push(bytes)) if (frame.payload.length > 0) this.#inbox.push(frame)
    } catch (error) {
      this.#inbox.close(error as Error)
      this.#socket.terminate()
    }
  }

  onDrain(): void {
    for (let first = this.#unsent[0]; first; first = this.#unsent[0]) {
      const taken = Math.max(this.#socket.write(first), 0)
      if (taken < first.length) {
        this.#unsent[0] = first.subarray(taken)
        return
      }
      this.#unsent.shift()
    }
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }

  onClose(): void {
    clearInterval(this.#watch)
    this.#isClosed = true
    this.#inbox.close()
    this.#room.resolve()
    this.#closed.resolve()
  }

  async send(frame: Frame): Promise<void> {
    const header = encodeFrameHeader(frame)
    const { payload } = frame
    const isWaiting = this.#unsent.length > 0
    if (payload.length > joinMaxBytes) this.#unsent.push(header, payload)
    else this.#unsent.push(Buffer.concat([header, payload]))
    if (!isWaiting) this.onDrain()
    await this.#whenSent()
  }

  async end(): Promise<void> {
    await this.#whenSent()
    this.#socket.end()
    await this.#closed.promise
  }

  destroy(): void {
    this.#socket.terminate()
  }

  async #whenSent(): Promise<void> {
    while (this.#unsent.length > 0 && !this.#isClosed) await this.#room.promise
    if (this.#isClosed) throw new Error('The channel is closed')
  }

  #hold(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  /** A server that has vanished without a word. One that is held back is not heard, whoever is there. */
  #endSilent(): void {
    const now = performance.now()
    if (this.#isPaused) this.#heardMs = now
    else if (now - this.#heardMs > silenceMaxMs) this.#socket.terminate()
  }
}
