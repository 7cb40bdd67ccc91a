import { GpulabError } from '@gpulab/contract'
import { parseDuration } from './duration.ts'

/** Reads `2026-03-01`, an RFC 3339 time, or how long ago (`10m`, `30d`). */
export function parseMoment(text: string, now = Date.now()): string {
  if (/^\d+(\.\d+)?(ms|[smhd])/.test(text)) return new Date(now - parseDuration(text)).toISOString()
  const time = /^\d{4}-\d\d-\d\d($|[T ]\d\d:\d\d)/.test(text) ? new Date(text) : new Date(Number.NaN)
  if (!Number.isNaN(time.getTime())) return time.toISOString()
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a time.`,
    hint: 'Write it like 2026-03-01, 2026-03-01T10:00:00Z or 10m.',
  })
}
