import { z } from 'zod'
import { GpulabError, isErrorCode } from './errors.ts'

/** What an HTTP/1.1 connection is upgraded to on which frames follow each other. */
export const framesProtocol = 'gpulab-frames'

/** What a frame carries. */
export const frameType = { stdin: 0, stdout: 1, stderr: 2, control: 3 } as const
export type FrameType = (typeof frameType)[keyof typeof frameType]

export interface Frame {
  readonly type: FrameType
  readonly payload: Uint8Array
}

/** Larger output is split; a longer length is a broken or hostile peer. */
export const framePayloadMaxBytes = 1 << 20
const headerBytes = 5

const isFrameType = (type: number): type is FrameType => type <= frameType.control

/** What comes before the payload on a byte stream: type (1 byte), length (4 bytes, big endian). */
export function encodeFrameHeader({ type, payload }: Frame): Uint8Array {
  if (payload.length > framePayloadMaxBytes)
    throw new RangeError(`A frame of ${payload.length} bytes is too long`)
  return encodeHeader(type, payload.length)
}

function encodeHeader(type: FrameType, length: number): Uint8Array {
  const header = new Uint8Array(headerBytes)
  header[0] = type
  // A DataView would cost ten times as much: it gives the array a buffer of its own.
  for (let at = 1, shift = 24; at < headerBytes; at++, shift -= 8) header[at] = length >>> shift
  return header
}

/** A WebSocket message, which has a length of its own: type (1 byte), payload. */
export function decodeMessage(message: Uint8Array): Frame {
  const type = message[0]
  if (type === undefined || !isFrameType(type)) throw new RangeError(`Unknown frame type ${type}`)
  return { type, payload: message.subarray(1) }
}

/** Of a frame that has not come whole, passed on as they are: to wait for the rest and put it together costs more. */
const partMinBytes = 24 << 10

/**
 * Cuts a byte stream into frames. A frame may arrive in any number of chunks; bytes of a stream may come out as several
 * frames where one went in. `finish` throws on half a frame.
 */
export class FrameDecoder {
  #pending: Uint8Array[] = []
  #length = 0
  /** Of the frame whose header has come: its type, and how much of it is to come out still. */
  #open: { readonly type: FrameType; readonly left: number } | undefined

  finish(): void {
    if (this.#length > 0 || this.#open) throw new RangeError('The stream ended within a frame')
  }

  *push(chunk: Uint8Array): Generator<Frame> {
    this.#pending.push(chunk)
    this.#length += chunk.length
    while (this.#open || this.#length >= headerBytes) {
      this.#open ??= parseHeader(this.#take(headerBytes))
      const { type, left } = this.#open
      const isWhole = left <= this.#length
      if (!isWhole && (type === frameType.control || this.#length < partMinBytes)) return
      const payload = this.#take(Math.min(left, this.#length))
      this.#open = isWhole ? undefined : { type, left: left - payload.length }
      yield { type, payload }
    }
  }

  /** Gives up: what was pushed and has not come out, as bytes that begin with a frame. */
  release(): Uint8Array[] {
    const rest = this.#open
      ? [encodeHeader(this.#open.type, this.#open.left), ...this.#pending]
      : this.#pending
    this.#pending = []
    this.#length = 0
    this.#open = undefined
    return rest
  }

  #take(count: number): Uint8Array {
    this.#length -= count
    const first = this.#pending[0]
    if (first && first.length >= count) {
      if (first.length === count) this.#pending.shift()
      else this.#pending[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    const taken = new Uint8Array(count)
    let filled = 0
    while (filled < count) {
      const next = this.#pending.shift()
      if (!next) break
      const part = next.subarray(0, count - filled)
      taken.set(part, filled)
      filled += part.length
      if (part.length < next.length) this.#pending.unshift(next.subarray(part.length))
    }
    return taken
  }
}

/** Follows a byte stream without cutting frames out of it. Throws a RangeError on what is no frame. */
export class FrameTracker {
  readonly #onControl: (frame: Frame) => void
  readonly #header = new Uint8Array(headerBytes)
  #headerLength = 0
  #left = 0
  #control: Uint8Array[] | undefined

  /** Is given copies of control frames. */
  constructor(onControl: (frame: Frame) => void) {
    this.#onControl = onControl
  }

  /** Whether what has come so far ends with the end of a frame. */
  get isBetweenFrames(): boolean {
    return this.#headerLength === 0 && this.#left === 0
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left)
        at += part.length
        this.#left -= part.length
        this.#control?.push(new Uint8Array(part))
        if (this.#left === 0) this.#endFrame()
        continue
      }
      this.#header[this.#headerLength++] = chunk[at++] ?? 0
      if (this.#headerLength < headerBytes) continue
      const { type, left } = parseHeader(this.#header)
      this.#headerLength = 0
      this.#left = left
      if (type === frameType.control) this.#control = []
      if (left === 0) this.#endFrame()
    }
  }

  #endFrame(): void {
    const parts = this.#control
    if (!parts) return
    this.#control = undefined
    const payload = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      payload.set(part, at)
      at += part.length
    }
    this.#onControl({ type: frameType.control, payload })
  }
}

function parseHeader(header: Uint8Array): { type: FrameType; left: number } {
  const type = header[0] ?? -1
  let left = 0
  for (let at = 1; at < headerBytes; at++) left = left * 256 + (header[at] ?? 0)
  if (!isFrameType(type)) throw new RangeError(`Unknown frame type ${type}`)
  if (left > framePayloadMaxBytes) throw new RangeError(`A frame of ${left} bytes is too long`)
  return { type, left }
}

const Offset = z.int().min(0)

/**
 * The JSON of control frames. Output offsets count the bytes of both streams together from the session's start: that
 * of a frame is the offset of `resumed` plus what has come since, gaps included. Input offsets count input bytes.
 *
 * A connection to a port has frames 0 and 1 and, both ways, `eof`; it was cut where it ends without.
 *
 * Of sessions, from the client: `resize`, `signal`, `eof` (end of input) and `ack` (it has all output before the offset).
 * From the session: `resumed` first, with the offset of the first output byte to come and the number of input bytes
 * that it has; `ack` (it has all input before the offset, whatever happens to the connection); `gap` in the place of
 * output that was dropped; `exit` after all output; `error`, after which it ends the stream. A stream that ends with
 * neither `exit` nor `error` was cut: attach again.
 */
export const Control = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('resize'),
    columns: z.int().min(1).max(65_535),
    rows: z.int().min(1).max(65_535),
  }),
  z.object({ type: z.literal('signal'), signal: z.string() }),
  z.object({ type: z.literal('eof') }),
  z.object({ type: z.literal('ack'), offset: Offset }),
  z.object({ type: z.literal('resumed'), offset: Offset, input_offset: Offset }),
  z.object({ type: z.literal('gap'), bytes: z.int().min(1) }),
  z.object({
    type: z.literal('exit'),
    exit_code: z.int().nullable(),
    signal: z.string().nullable(),
    reason: z.string(),
    message: z.string().nullable(),
  }),
  z.object({
    type: z.literal('error'),
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
    retryable: z.boolean(),
    request_id: z.string().optional(),
  }),
])
export type Control = z.infer<typeof Control>

export const toControlFrame = (control: Control): Frame => toJsonFrame(control)

/** A control frame of what only some endpoints know. */
export const toJsonFrame = (value: object): Frame => ({
  type: frameType.control,
  payload: new TextEncoder().encode(JSON.stringify(value)),
})

/** Throws on anything that is not JSON: the peer is broken or hostile. */
export function parseJson({ type, payload }: Frame): unknown {
  if (type !== frameType.control) throw new RangeError('A control frame was expected')
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
}

/** Throws on anything that is not a control message: the peer is broken or hostile. */
export const parseControl = (frame: Frame): Control => Control.parse(parseJson(frame))

/** The failure that ends a channel; one of a code that we do not know is our server's. */
export const toChannelFailure = (control: Control & { type: 'error' }): GpulabError => {
  const { code, message, hint, details, request_id: requestId } = control
  return new GpulabError(isErrorCode(code) ? code : 'internal', {
    message,
    ...(hint !== undefined && { hint }),
    ...(details && { details }),
    ...(requestId !== undefined && { requestId }),
  })
}

/** The two ends of a duplex endpoint look the same. */
export interface Channel {
  /** The peer's frames in order. Reading slowly holds the peer back; it ends when the peer ends its side. */
  readonly incoming: AsyncIterable<Frame>
  /** Resolves when there is room for more. */
  send(frame: Frame): Promise<void>
  /** Ends our side after all that was sent; only on a stream of HTTP/2 what the peer sends can still be read. */
  end(): Promise<void>
  /** Cuts both sides at once. */
  destroy(error?: Error): void
}

/** The next frame, undefined where the peer has ended its side; and the channel as it is after it. */
export async function takeFrame(channel: Channel): Promise<{ frame: Frame | undefined; rest: Channel }> {
  const reading = channel.incoming[Symbol.asyncIterator]()
  const { done, value } = await reading.next()
  const frame = done === true ? undefined : value
  // One that goes on from where it was left needs no other.
  if (Object.is(reading, channel.incoming)) return { frame, rest: channel }
  const rest: Channel = {
    incoming: { [Symbol.asyncIterator]: () => reading },
    send: (frame) => channel.send(frame),
    end: () => channel.end(),
    destroy: (error) => channel.destroy(error),
  }
  return { frame, rest }
}
