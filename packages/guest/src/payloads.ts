import { constants } from 'node:os'
import { GuestError, toErrnoName } from './errors.ts'
import { protocolVersion, oldestProtocolVersion } from './protocol.ts'

/** How a session ended. */
export interface Ending {
  /** 126 and 127 as shells mean them; 128 + n after signal n; 125 when it is no doing of the program's. */
  readonly exitCode: number
  readonly signal: string | null
  readonly timedOut: boolean
  readonly killed: boolean
  /** Something could not be killed within five seconds. */
  readonly survivors: boolean
  /** Why the program never ran, or is out of sight; null if it ran. */
  readonly failure: EndingFailure | null
}

/** `supervisor`: somebody killed the process that watches the session. `dial`: the port refused or broke off. */
export interface EndingFailure {
  readonly what: 'exec' | 'cwd' | 'fork' | 'dial' | 'supervisor'
  /** Name of the errno. */
  readonly code: string
}

/** What the guest says of itself; it is the tenant's word. */
export interface GuestHello {
  readonly version: number
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /** Differs between two starts of the guest. */
  readonly incarnation: string
}

/** One session of the guest. */
export interface SessionRow {
  readonly id: string
  readonly terminal: boolean
  readonly exited: boolean
  /** Exited, with all of its output in the buffer. */
  readonly ended: boolean
  /** Exited, and something that it started goes on. */
  readonly background: boolean
  readonly attached: boolean
  /** Only after `exited`. */
  readonly ending: Ending | null
  readonly ageMs: number
  /** Output is kept from here … */
  readonly firstOffset: number
  /** … to here. */
  readonly endOffset: number
  /** Bytes of input that the guest has taken. */
  readonly inputOffset: number
}

/** How the guest opened a stream. */
export interface Opened {
  readonly offset: number
  readonly inputOffset: number
  readonly granted: number
  /** Without it there is no input, or it is closed; with it, nothing may be granted just now. */
  readonly takesInput: boolean
}

const failures = [null, 'exec', 'cwd', 'fork', 'dial', 'supervisor'] as const
const signalNames = new Map<number, string>(
  Object.entries(constants.signals).map(([name, value]) => [value, name]),
)
signalNames.set(constants.signals.SIGABRT, 'SIGABRT').set(constants.signals.SIGIO, 'SIGIO')
const endingBytes = 8
const rowBytes = 58

/** Reads a payload in order. Throws `protocol` where it is too short or says what can't be. */
class PayloadReader {
  readonly #payload: Buffer
  #at = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  get left(): number {
    return this.#payload.length - this.#at
  }

  bytes(count: number): Buffer {
    if (this.left < count) throw new GuestError('protocol', 'The guest sent a frame that is too short.')
    this.#at += count
    return this.#payload.subarray(this.#at - count, this.#at)
  }

  number(count: 1 | 2 | 4): number {
    return this.bytes(count).readUIntBE(0, count)
  }

  /** Offsets and counts stay exact. */
  u64(): number {
    const value = this.bytes(8).readBigUInt64BE()
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new GuestError('protocol', 'The guest sent an impossible number.')
    return Number(value)
  }
}

const toUuid = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

function readEnding(reader: PayloadReader): Ending {
  const flags = reader.number(1)
  const what = failures[reader.number(1)]
  const exitCode = reader.number(1)
  const signal = reader.number(1)
  const errno = reader.number(4)
  return {
    exitCode,
    signal: signal === 0 ? null : (signalNames.get(signal) ?? `SIG${signal}`),
    timedOut: (flags & 1) !== 0,
    killed: (flags & 2) !== 0,
    survivors: (flags & 4) !== 0,
    failure: what ? { what, code: toErrnoName(errno) } : null,
  }
}

/** Payload of `hello`; newer guests may send more. */
export function decodeHello(payload: Buffer): GuestHello {
  const reader = new PayloadReader(payload)
  const oldest = reader.number(2)
  const newest = reader.number(2)
  if (oldest > protocolVersion || newest < oldestProtocolVersion)
    throw new GuestError('protocol', `The guest speaks versions ${oldest} to ${newest} of the protocol.`)
  return {
    version: Math.min(newest, protocolVersion),
    pid: reader.number(4),
    uid: reader.number(4),
    gid: reader.number(4),
    incarnation: reader.bytes(8).toString('hex'),
  }
}

/** Payload of `opened`. */
export function decodeOpened(payload: Buffer): Opened {
  const reader = new PayloadReader(payload)
  const [offset, inputOffset, granted] = [reader.u64(), reader.u64(), reader.number(4)]
  // A guest of an earlier version does not say it.
  const takesInput = reader.left > 0 ? reader.number(1) === 1 : granted > 0
  return { offset, inputOffset, granted, takesInput }
}

/** Payload of `exit`. */
export const decodeEnding = (payload: Buffer): Ending => readEnding(new PayloadReader(payload))

/** Payload of `exited`. */
export function decodeExited(payload: Buffer): { id: string; ending: Ending } {
  const reader = new PayloadReader(payload)
  return { id: toUuid(reader.bytes(16)), ending: readEnding(reader) }
}

/** Payload of `gap`, `grant` or `error`. */
export const decodeNumber = (payload: Buffer, bytes: 4 | 8): number => {
  const reader = new PayloadReader(payload)
  return bytes === 8 ? reader.u64() : reader.number(4)
}

/** Payload of the answer to `list`. */
export function decodeRows(payload: Buffer): SessionRow[] {
  const rows: SessionRow[] = []
  for (let at = 0; at < payload.length; at += rowBytes) {
    rows.push(readRow(new PayloadReader(payload.subarray(at, at + rowBytes))))
  }
  return rows
}

function readRow(reader: PayloadReader): SessionRow {
  const id = toUuid(reader.bytes(16))
  const flags = reader.number(1)
  const attached = reader.number(1) !== 0
  const exited = (flags & 2) !== 0
  const ending = decodeEnding(reader.bytes(endingBytes))
  return {
    id,
    terminal: (flags & 1) !== 0,
    exited,
    ended: (flags & 4) !== 0,
    background: (flags & 8) !== 0,
    attached,
    ending: exited ? ending : null,
    ageMs: reader.u64(),
    firstOffset: reader.u64(),
    endOffset: reader.u64(),
    inputOffset: reader.u64(),
  }
}
