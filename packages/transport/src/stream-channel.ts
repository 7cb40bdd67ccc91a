import { type Channel, encodeFrameHeader, type Frame, FrameDecoder, frameType } from '@gpulab/contract'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'
import { Inbox } from './inbox.ts'
import { passBytes } from './pass-bytes.ts'

const net = process.getBuiltinModule('node:net')

/** Says nothing, and is not passed on. */
const idleFrame = encodeFrameHeader({ type: frameType.stdin, payload: new Uint8Array() })

/** Copying so little is cheaper than writing two parts. */
const joinMaxBytes = 4096
const hasRoom = Promise.resolve()
const closed = (): Error => new Error('The channel is closed')

interface Options {
  /** Carries something so often, for proxies that cut what is quiet. */
  readonly idleMs?: number
}

/** A channel over a byte stream, with the stream's own back-pressure both ways. */
export class StreamChannel implements Channel {
  readonly incoming: AsyncIterable<Frame>
  readonly #stream: Duplex
  readonly #closing = new AbortController()
  readonly #decoder = new FrameDecoder()
  readonly #inbox: Inbox
  /** One wait for all senders. */
  #room: PromiseWithResolvers<void> | undefined
  /** The bytes of a frame are being passed on, which nothing may come between. */
  #isWithinFrame = false

  constructor(stream: Duplex, { idleMs }: Options = {}) {
    this.#stream = stream
    this.#inbox = new Inbox({
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      leave: () => void stream.destroy(),
    })
    this.incoming = this.#inbox.read()
    stream.on('data', this.#receive)
    stream.once('end', () => this.#finish())
    stream.on('error', (error) => this.#inbox.close(error))
    stream.once('close', () => {
      this.#inbox.close(closed())
      this.#room?.reject(closed())
      this.#closing.abort(closed())
    })
    stream.on('drain', () => {
      this.#room?.resolve()
      this.#room = undefined
    })
    if (idleMs === undefined) return
    const timer = setInterval(() => this.#sayNothing(), idleMs)
    stream.once('close', () => clearInterval(timer))
  }

  send(frame: Frame): Promise<void> {
    const stream = this.#stream
    if (stream.writableEnded || stream.destroyed) return Promise.reject(closed())
    if (this.#isWithinFrame) return Promise.reject(new Error('A frame was cut'))
    return write(stream, frame) ? hasRoom : (this.#room ??= Promise.withResolvers()).promise
  }

  async end(): Promise<void> {
    const stream = this.#stream
    if (stream.destroyed) return
    stream.end()
    if (!stream.writableFinished) await once(stream, 'finish', { signal: this.#closing.signal })
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error)
  }

  /** Undefined for a stream of HTTP/2, whose pieces are small. */
  get socket(): Socket | undefined {
    return this.#stream instanceof net.Socket ? this.#stream : undefined
  }

  /** Passes all that comes on as bytes, in the place of reading `incoming`. Only between sockets. */
  async passTo(other: StreamChannel, onControl: (frame: Frame) => void): Promise<void> {
    for (let frame = this.#inbox.take(); frame; frame = this.#inbox.take()) {
      await other.send(frame)
      if (frame.type === frameType.control) onControl(frame)
    }
    const { outcome } = this.#inbox
    if (outcome?.failure) throw outcome.failure
    const { socket } = this
    if (outcome || !socket || !other.socket) return
    socket.off('data', this.#receive)
    await passBytes(socket, other.socket, {
      first: this.#decoder.release(),
      onControl,
      onWrite: (isBetweenFrames) => (other.#isWithinFrame = !isBetweenFrames),
    })
  }

  readonly #receive = (chunk: Buffer): void => {
    notePassed(chunk.length)
    try {
      for (const frame of this.#decoder.push(chunk)) if (frame.payload.length > 0) this.#inbox.push(frame)
    } catch (error) {
      this.#inbox.close(error as Error)
      this.#stream.destroy()
    }
  }

  #finish(): void {
    try {
      this.#decoder.finish()
      this.#inbox.close()
    } catch (error) {
      this.#inbox.close(error as Error)
    }
  }

  #sayNothing(): void {
    const { writable, writableLength } = this.#stream
    if (writable && writableLength === 0 && !this.#isWithinFrame) this.#stream.write(idleFrame)
  }
}

/** Without a copy of a large payload; more of them in one turn go out as one. */
function write(stream: Duplex, frame: Frame): boolean {
  const header = encodeFrameHeader(frame)
  if (frame.payload.length <= joinMaxBytes) return stream.write(join(header, frame.payload))
  if (stream.writableCorked === 0) {
    stream.cork()
    process.nextTick(uncork, stream)
  }
  stream.write(header)
  return stream.write(frame.payload)
}

function join(header: Uint8Array, payload: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(header.length + payload.length)
  whole.set(header)
  whole.set(payload, header.length)
  return whole
}

const uncork = (stream: Duplex): void => stream.uncork()
