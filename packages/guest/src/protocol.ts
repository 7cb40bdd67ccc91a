/** The numbers of ../protocol.md, and the layout of what the agent sends. */
export const protocolVersion = 1
export const oldestProtocolVersion = 1

export const frameHeaderBytes = 9
/** A request to run a program may be this long; every other frame at most `payloadMaxBytes`. */
export const runMaxBytes = 2 << 20
export const payloadMaxBytes = 64 << 10

export const frameType = {
  hello: 0,
  run: 1,
  attach: 2,
  dial: 3,
  input: 4,
  endInput: 5,
  taken: 6,
  detach: 7,
  signal: 8,
  resize: 9,
  kill: 10,
  forget: 11,
  list: 12,
  opened: 128,
  stdout: 129,
  stderr: 130,
  gap: 131,
  endOutput: 132,
  grant: 133,
  closedInput: 134,
  exit: 135,
  exited: 136,
  result: 137,
  error: 138,
} as const

/** A frame; in what the guest sends, output may come in several frames where it sent one. */
export interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Buffer
}

export function encodeHeader(type: number, stream: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes)
  header.writeUInt8(type, 0)
  header.writeUInt32BE(stream, 1)
  header.writeUInt32BE(length, 5)
  return header
}

/** Numbers in big-endian; strings end with NUL. */
export const u8 = (value: number): Buffer => Buffer.of(value)
export function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value)
  return bytes
}
export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
export function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
/** Throws a RangeError on a NUL, which no argument, path or variable can hold. */
export function string(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string)
  if (bytes.includes(0)) throw new RangeError('must not contain NUL')
  return Buffer.concat([bytes, u8(0)])
}
const strings = (values: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat([u16(values.length), ...values.map(string)])

/** 16 bytes from the 32 hexadecimal digits of a uuid. */
export function sessionId(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex')
  if (bytes.length !== 16) throw new RangeError(`${uuid} is not a uuid`)
  return bytes
}

/** What a program is started with. */
export interface RunRequest {
  readonly id: string
  readonly argv: readonly (string | Uint8Array)[]
  /** Each `KEY=VALUE` is set, each `KEY` unset, in what the guest was itself started with. */
  readonly env?: readonly (string | Uint8Array)[]
  /** By default the guest's own. */
  readonly cwd?: string | Uint8Array
  readonly terminal?: { readonly columns: number; readonly rows: number }
  readonly input?: boolean
  /** A slow reader holds the program back as a pipe does; else the oldest output is dropped with a gap. */
  readonly lossless?: boolean
  /** How long a lossless program waits after the connection broke; by default a minute. */
  readonly patienceMs?: number
  /** 0 for none; then everything of the session is killed. */
  readonly timeoutMs?: number
  /** How much output the guest keeps, at most 8 MiB. */
  readonly bufferBytes?: number
}

const toFlags = (request: RunRequest): number => (request.terminal ? 1 : 0) | (request.input ? 2 : 0)

/** In milliseconds as the guest takes it: 0 is not lossless. */
export const toPatience = ({
  lossless,
  patienceMs = 60_000,
}: Pick<RunRequest, 'lossless' | 'patienceMs'>): number => (lossless ? Math.max(patienceMs, 1) : 0)

/** Payload of `run`. Throws a RangeError on what the frame can't hold. */
export function encodeRun(request: RunRequest, creditBytes: number): Buffer {
  const payload = Buffer.concat([
    sessionId(request.id),
    u8(toFlags(request)),
    u16(request.terminal?.columns ?? 0),
    u16(request.terminal?.rows ?? 0),
    u32(request.timeoutMs ?? 0),
    u32(toPatience(request)),
    u32(creditBytes),
    u32(request.bufferBytes ?? 256 << 10),
    string(request.cwd ?? ''),
    strings(request.argv),
    strings(request.env ?? []),
  ])
  if (payload.length > runMaxBytes)
    throw new RangeError(
      `Arguments and environment have ${payload.length} bytes, at most ${runMaxBytes} fit.`,
    )
  return payload
}
