import {
  type Channel,
  type Frame,
  framePayloadMaxBytes,
  frameType,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { Duplex } from 'node:stream'

/** Of one call's writes that go out as one frame. */
const joinedMaxBytes = 64 << 10

/**
 * A channel to a port as a socket, with the parts of one that Node's HTTP client uses. Its back-pressure is that of the
 * channel, both ways; one that ends without `eof` is reset.
 */
export class ChannelSocket extends Duplex {
  readonly #channel: Channel
  readonly #incoming: AsyncIterator<Frame>
  #hasEnded = false
  #isPulling = false

  constructor(channel: Channel) {
    super({ allowHalfOpen: true })
    this.#channel = channel
    this.#incoming = channel.incoming[Symbol.asyncIterator]()
  }

  override _read(): void {
    if (this.#isPulling) return
    // In a turn of its own, once what has come before has been passed on.
    this.#pull().catch((error: unknown) => setImmediate(() => this.destroy(toReset(error))))
  }

  /** All that has come, as far as there is room, in one turn: so it goes on from here as one, too. */
  async #pull(): Promise<void> {
    let hasRoom = true
    this.#isPulling = true
    while (hasRoom && !this.#hasEnded) {
      const { done, value: frame } = await this.#incoming.next()
      if (done === true) throw new Error('The connection was cut')
      if (frame.type === frameType.stdout && frame.payload.length > 0) hasRoom = this.push(frame.payload)
      else if (frame.type === frameType.control && parseControl(frame).type === 'eof') {
        this.#hasEnded = true
        this.push(null)
      } else if (frame.type === frameType.control) throw new Error('The connection was reset')
    }
    this.#isPulling = false
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    void tell(this.#send(chunk), done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const buffers = chunks.map(({ chunk }) => chunk)
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    const parts = length <= joinedMaxBytes ? [Buffer.concat(buffers, length)] : buffers
    const sendAll = async (): Promise<void> => {
      for (const part of parts) await this.#send(part)
    }
    void tell(sendAll(), done)
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += framePayloadMaxBytes) {
      const payload = bytes.subarray(at, at + framePayloadMaxBytes)
      await this.#channel.send({ type: frameType.stdin, payload })
    }
  }

  override _final(done: Done): void {
    void tell(this.#channel.send(toControlFrame({ type: 'eof' })), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.destroy()
    done(error)
  }

  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

type Done = (error?: Error | null) => void

async function tell(work: Promise<void>, done: Done): Promise<void> {
  try {
    await work
  } catch (error) {
    done(error as Error)
    return
  }
  done()
}

const toReset = (cause: unknown): Error =>
  Object.assign(new Error('The connection was reset', { cause }), { code: 'ECONNRESET' })
