import { GpulabError, type LogLine } from '@gpulab/contract'

export type LogStream = LogLine['stream']

/** A record of one stream: its time, and which of the records with this time it is (parts of one long line). */
export interface Position {
  /** Nanoseconds since 1970. */
  readonly ns: bigint
  readonly part: number
}

/**
 * How far a reader has got. Within a stream times never go back and only the parts of one line share one, so a
 * position is unique and ordered there; between the two streams the engine keeps no order.
 */
export interface Cursor {
  readonly stdout?: Position
  readonly stderr?: Position
  /** Time of the oldest line that has begun and not ended. */
  readonly open?: bigint
}

const pattern = /^(?:o(\d{1,20})\.(\d{1,9}))?(?:e(\d{1,20})\.(\d{1,9}))?(?:p(\d{1,20}))?$/

export function encodeCursor({ stdout, stderr, open }: Cursor): string {
  const position = (letter: string, at: Position | undefined): string =>
    at ? `${letter}${at.ns}.${at.part}` : ''
  return position('o', stdout) + position('e', stderr) + (open === undefined ? '' : `p${open}`)
}

export function parseCursor(text: string): Cursor {
  const match = pattern.exec(text)
  if (!match) {
    throw new GpulabError('invalid_request', {
      message: 'The cursor is not one of a log line.',
      hint: 'Pass the `cursor` of the last line that you have, unchanged.',
    })
  }
  const [, outNs, outPart, errNs, errPart, open] = match
  return {
    ...(outNs !== undefined && { stdout: { ns: BigInt(outNs), part: Number(outPart) } }),
    ...(errNs !== undefined && { stderr: { ns: BigInt(errNs), part: Number(errPart) } }),
    ...(open !== undefined && { open: BigInt(open) }),
  }
}

export const isAfter = (position: Position, at: Position | undefined): boolean =>
  !at || position.ns > at.ns || (position.ns === at.ns && position.part > at.part)

/**
 * The newest record that was read, which is read again with what follows; where it is missing, so may others be. None
 * where nothing was read yet.
 */
export function findAnchor({
  stdout,
  stderr,
}: Cursor): (Position & { readonly stream: LogStream }) | undefined {
  const newest =
    stdout && (!stderr || isAfter(stdout, stderr))
      ? { ...stdout, stream: 'stdout' as const }
      : stderr && { ...stderr, stream: 'stderr' as const }
  return newest?.part === beforeFirst ? undefined : newest
}

/** The part of a position that is no record's: whatever comes at that time has been passed over. */
export const beforeFirst = 999_999_999

/** Streams are that far out of order at the most. */
const overlapNs = 2_000_000_000n

/** From when on the log has to be read again so that nothing is missed, as the engine takes it. */
export function resumeFrom({ stdout, stderr, open }: Cursor): string | undefined {
  const times = [stdout, stderr].flatMap((position) => (position ? [position.ns] : []))
  if (times.length === 0) return undefined
  const newest = times.reduce((a, b) => (a > b ? a : b))
  const from = newest - overlapNs
  return toEngineTime(open !== undefined && open < from ? open : from)
}

/** `seconds.nanoseconds`. */
export function toEngineTime(ns: bigint): string {
  const time = ns > 0n ? ns : 0n
  return `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`
}

/** From RFC 3339 with up to nine decimals. */
export function toNanoseconds(timestamp: string): bigint {
  const [, seconds = '', fraction = '', zone = 'Z'] =
    /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp) ?? []
  return BigInt(Date.parse(seconds + zone)) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}
