import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { GuestError, fromErrno } from './errors.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { GuestStream } from './guest-stream.ts'
import { decodeExited, decodeHello, decodeNumber, decodeRows } from './payloads.ts'
import type { Ending, GuestHello, SessionRow } from './payloads.ts'
import { encodeHeader, encodeRun, frameType, sessionId, u16, u32, u64, u8 } from './protocol.ts'
import {
  oldestProtocolVersion,
  protocolVersion,
  toPatience,
  type Frame,
  type RunRequest,
} from './protocol.ts'

/** Deadlines and bounds; each has a default. */
export interface GuestConnectionOptions {
  /** For the guest's first frame. */
  readonly helloTimeoutMs?: number
  /** For each answer that the guest can give at once, and for bytes that wait for it to read. */
  readonly answerTimeoutMs?: number
  /** For a kill; a guest reports what survives after five seconds. Its failure does not end the connection. */
  readonly killTimeoutMs?: number
  /** How much output of one stream may wait for its reader here; less where there are many streams. */
  readonly windowBytes?: number
}

/** How to attach to a session. */
export interface AttachOptions {
  /** By default from the beginning; what is no longer kept shows as a gap. */
  readonly offset?: number
  readonly lossless?: boolean
  readonly patienceMs?: number
  /** So much output is given although none of it is taken; by default what the connection has for a stream. */
  readonly windowBytes?: number
}

const defaults: Required<GuestConnectionOptions> = {
  helloTimeoutMs: 5000,
  answerTimeoutMs: 10_000,
  killTimeoutMs: 10_000,
  windowBytes: 256 << 10,
}
/** Copying so little is cheaper than writing two parts. */
const joinMaxBytes = 4096
const streamsMax = 512
const windowsBytes = 16 << 20
const windowMinBytes = 32 << 10
/** Sessions of a guest: so many may end that we have never seen. */
const sessionsMax = 256
/** Of those, so many may be dialled ports: however busy a server is, its owner can look into the container. */
const portsMax = 192

interface Answerer {
  /** Says whether the frame was the last of its stream. */
  accept(frame: Frame): boolean
  fail(error: GuestError): void
}

/**
 * The agent's side of the connection that a guest dialled. The guest is the tenant's: whatever it sends costs bounded
 * memory and can end this connection, nothing else. Sessions outlive the connection; attach to them on the next one.
 *
 * Invariants: a stream id is in `#streams` from its request to its last frame, and a frame for any other id ends the
 * connection; after `#end` nothing is sent or received.
 */
export class GuestConnection {
  /** Resolves with the reason when the connection has ended, for whatever reason. */
  readonly closed: Promise<GuestError>
  readonly hello: GuestHello

  readonly #socket: Socket
  readonly #options: Required<GuestConnectionOptions>
  readonly #streams = new Map<number, Answerer>()
  readonly #exits = new Map<string, PromiseWithResolvers<Ending>>()
  readonly #closed = Promise.withResolvers<GuestError>()
  #nextStream = 1
  #ports = 0
  #unseenExits = sessionsMax
  #failure: GuestError | undefined
  #room: Promise<void> | undefined

  /** Waits for the guest's first frame, and answers it. Throws, and destroys the socket, where none comes in time. */
  static async open(socket: Socket, options: GuestConnectionOptions = {}): Promise<GuestConnection> {
    const settings = { ...defaults, ...options }
    const decoder = new FrameDecoder()
    let connection: GuestConnection | undefined
    const { promise, resolve, reject } = Promise.withResolvers<GuestConnection>()
    const end = (error: GuestError): void => {
      socket.destroy()
      reject(error)
      connection?.destroy(error)
    }
    const timer = setTimeout(
      () => end(new GuestError('stalled', 'The guest did not introduce itself.')),
      settings.helloTimeoutMs,
    )
    const receive = (frame: Frame): void => {
      if (connection) return connection.#receive(frame)
      if (frame.type !== frameType.hello)
        throw new GuestError('protocol', 'The guest did not introduce itself.')
      connection = new GuestConnection(socket, decodeHello(frame.payload), settings)
      resolve(connection)
    }
    socket.on('error', () => undefined)
    socket.on('close', () => end(new GuestError('lost', 'The connection to the guest has ended.')))
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of decoder.push(chunk)) {
          receive(frame)
          if (socket.destroyed) return
        }
      } catch (error) {
        if (!(error instanceof GuestError || error instanceof RangeError)) throw error
        end(error instanceof GuestError ? error : new GuestError('protocol', error.message))
      }
    })
    return promise.finally(() => clearTimeout(timer))
  }

  private constructor(socket: Socket, hello: GuestHello, options: Required<GuestConnectionOptions>) {
    this.#socket = socket
    this.#options = options
    this.hello = hello
    this.closed = this.#closed.promise
    const versions = Buffer.concat([u16(oldestProtocolVersion), u16(protocolVersion)])
    this.#send(frameType.hello, 0, versions).catch(() => undefined)
  }

  /** Starts a program and attaches to it. Throws a GuestError, or a RangeError on what can't be sent at all. */
  async run(request: RunRequest): Promise<GuestStream> {
    const stream = await this.#openStream(frameType.run, (window) => encodeRun(request, window))
    this.#unseenExits++
    return stream
  }

  /** Attaches to a session, instead of whoever is. */
  attach(id: string, { offset = 0, windowBytes, ...waits }: AttachOptions = {}): Promise<GuestStream> {
    const encode = (window: number): Buffer =>
      Buffer.concat([sessionId(id), u64(offset), u32(window), u32(toPatience(waits))])
    return this.#openStream(frameType.attach, encode, windowBytes)
  }

  /** Connects to a port of the container's own loopback address. Throws `ECONNREFUSED` where nothing listens. */
  async dial(port: number, { family = 4 }: { family?: 4 | 6 } = {}): Promise<GuestStream> {
    if (this.#ports >= portsMax)
      throw new GuestError('EUSERS', 'The container has too many connections to its ports.')
    const hangUp = (): void => void this.#ports--
    this.#ports++
    try {
      const stream = await this.#openStream(frameType.dial, (window) =>
        Buffer.concat([u8(family), u16(port), u32(window)]),
      )
      stream.ended.then(hangUp, hangUp)
      return stream
    } catch (error) {
      hangUp()
      throw error
    }
  }

  /** To the program and its process group, as a terminal would. */
  async signal(id: string, signal: NodeJS.Signals): Promise<void> {
    await this.#request(frameType.signal, Buffer.concat([sessionId(id), u8(constants.signals[signal])]))
  }

  async resize(id: string, columns: number, rows: number): Promise<void> {
    await this.#request(frameType.resize, Buffer.concat([sessionId(id), u16(columns), u16(rows)]))
  }

  /** Kills everything that the session started, and resolves when nothing of it is left. */
  async kill(id: string): Promise<void> {
    await this.#request(frameType.kill, sessionId(id), this.#options.killTimeoutMs)
  }

  /** Lets the guest drop an ended session's output. */
  async forget(id: string): Promise<void> {
    await this.#request(frameType.forget, sessionId(id))
  }

  async list(): Promise<SessionRow[]> {
    return decodeRows(await this.#request(frameType.list))
  }

  /** As `waitForExit`, without asking, for one that is about to be run: what is in vain is to be given up. */
  expectExit(id: string): { readonly exit: Promise<Ending>; giveUp(): void } {
    const uuid = id.toLowerCase()
    const { promise } = this.#exitOf(uuid)
    return { exit: promise, giveUp: () => void this.#exits.delete(uuid) }
  }

  /** How a session's program ended, whoever reads its output. Throws `ENOENT` for a session that is not there. */
  async waitForExit(id: string): Promise<Ending> {
    const uuid = id.toLowerCase()
    const exit = this.#exitOf(uuid)
    const row = (await this.list()).find((row) => row.id === uuid)
    if (!row || row.ending) this.#exits.delete(uuid)
    if (row?.ending) exit.resolve(row.ending)
    if (!row) exit.reject(fromErrno(constants.errno.ENOENT))
    return exit.promise
  }

  #exitOf(uuid: string): PromiseWithResolvers<Ending> {
    const exit = this.#exits.get(uuid) ?? Promise.withResolvers<Ending>()
    this.#exits.set(uuid, exit)
    exit.promise.catch(() => undefined)
    return exit
  }

  /** Ends the connection; the guest's sessions go on and it dials again. */
  destroy(reason = new GuestError('lost', 'The connection to the guest was given up.')): void {
    if (this.#failure) return
    this.#failure = reason
    this.#socket.destroy()
    for (const stream of this.#streams.values()) stream.fail(reason)
    for (const exit of this.#exits.values()) exit.reject(reason)
    this.#streams.clear()
    this.#exits.clear()
    this.#closed.resolve(reason)
  }

  #receive(frame: Frame): void {
    if (frame.stream === 0 && frame.type === frameType.exited) return this.#noteExit(frame.payload)
    const stream = this.#streams.get(frame.stream)
    if (!stream) throw new GuestError('protocol', 'The guest sent a frame that nobody asked for.')
    if (stream.accept(frame)) this.#streams.delete(frame.stream)
  }

  #noteExit(payload: Buffer): void {
    if (--this.#unseenExits < 0)
      throw new GuestError('protocol', 'The guest ended more sessions than it had.')
    const { id, ending } = decodeExited(payload)
    this.#exits.get(id)?.resolve(ending)
    this.#exits.delete(id)
  }

  async #openStream(
    type: number,
    encode: (windowBytes: number) => Buffer,
    windowBytes = this.#shareWindow(),
  ): Promise<GuestStream> {
    const payload = encode(windowBytes)
    const id = this.#takeStreamId()
    const stream = new GuestStream({ send: (type, payload) => this.#send(type, id, payload) }, windowBytes, {
      isPort: type === frameType.dial,
    })
    this.#streams.set(id, stream)
    await this.#send(type, id, payload)
    return this.#inTime(stream.whenOpened, this.#options.answerTimeoutMs, true)
  }

  #shareWindow(): number {
    const share = Math.floor(windowsBytes / (this.#streams.size + 1))
    return Math.min(this.#options.windowBytes, Math.max(share, windowMinBytes))
  }

  async #request(type: number, payload: Uint8Array = Buffer.alloc(0), timeoutMs?: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    promise.catch(() => undefined)
    const accept = (frame: Frame): boolean => {
      if (frame.type === frameType.result) resolve(frame.payload)
      else if (frame.type === frameType.error) reject(fromErrno(decodeNumber(frame.payload, 4)))
      else throw new GuestError('protocol', `The guest answered with a frame of type ${frame.type}.`)
      return true
    }
    const id = this.#takeStreamId()
    this.#streams.set(id, { accept, fail: reject })
    await this.#send(type, id, payload)
    return this.#inTime(promise, timeoutMs ?? this.#options.answerTimeoutMs, timeoutMs === undefined)
  }

  #takeStreamId(): number {
    if (this.#failure) throw this.#failure
    if (this.#streams.size >= streamsMax)
      throw new GuestError('EUSERS', 'The container has too many streams.')
    while (this.#streams.has(this.#nextStream)) this.#nextStream = (this.#nextStream % 0xffff_fffe) + 1
    const id = this.#nextStream
    this.#nextStream = (id % 0xffff_fffe) + 1
    return id
  }

  async #inTime<T>(answer: Promise<T>, timeoutMs: number, isVital: boolean): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const error = new GuestError('stalled', 'The guest did not answer in time.')
      reject(error)
      if (isVital) this.destroy(error)
    }, timeoutMs)
    return Promise.race([answer, late]).finally(() => clearTimeout(timer))
  }

  #send(type: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    const hasRoom = this.#write(encodeHeader(type, stream, payload.length), payload)
    if (hasRoom) return Promise.resolve()
    return (this.#room ??= this.#waitForRoom())
  }

  #write(header: Buffer, payload: Uint8Array): boolean {
    if (payload.length <= joinMaxBytes) return this.#socket.write(Buffer.concat([header, payload]))
    this.#socket.cork()
    this.#socket.write(header)
    const hasRoom = this.#socket.write(payload)
    this.#socket.uncork()
    return hasRoom
  }

  /** One wait for all senders. Whoever reads nothing for so long has stopped. */
  async #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#socket.once('drain', resolve).once('close', resolve)
    await this.#inTime(promise, this.#options.answerTimeoutMs, true).finally(() => {
      this.#room = undefined
      this.#socket.off('drain', resolve).off('close', resolve)
    })
    if (this.#failure) throw this.#failure
  }
}
