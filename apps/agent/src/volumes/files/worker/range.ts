import { WalkError } from './walk.ts'

/** First and last byte. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Reads a `Range` header, see RFC 9110 §14. Undefined where it is to be ignored, as one of several ranges is; throws
 * `ERANGE` where nothing of it is there.
 */
export function parseRange(header: string, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  if (first === '') {
    const count = Math.min(Number(last), sizeBytes)
    if (count === 0) throw unsatisfiable(sizeBytes)
    return { start: sizeBytes - count, end: sizeBytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= sizeBytes) throw unsatisfiable(sizeBytes)
  return { start, end }
}

const unsatisfiable = (sizeBytes: number): WalkError =>
  new WalkError('ERANGE', `The file has ${sizeBytes} bytes.`)
