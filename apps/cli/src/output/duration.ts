import { GpulabError } from '@gpulab/contract'

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads `30` (seconds), `500ms`, `30s`, `5m`, `2h`, `1h30m` into milliseconds. */
export function parseDuration(text: string): number {
  const trimmed = text.trim().toLowerCase()
  const durationMs = /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) * units.s : sumParts(trimmed)
  if (durationMs === undefined || !Number.isSafeInteger(Math.round(durationMs)) || durationMs <= 0) {
    throw new GpulabError('invalid_request', {
      message: `"${text}" is not a duration.`,
      hint: 'Write it like 30, 30s, 5m or 2h.',
    })
  }
  return Math.round(durationMs)
}

function sumParts(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * units[unit as keyof typeof units],
    0,
  )
}

/** "2h 15m", or with `precise` "2h 15m 30s". */
export function formatUptime(seconds: number, precise = false): string {
  const days = Math.floor(seconds / 86_400)
  const parts = [
    [days, 'd'],
    [Math.floor((seconds % 86_400) / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [Math.floor(seconds % 60), 's'],
  ] as const
  const first = parts.findIndex(([amount]) => amount > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, precise ? undefined : first + 2)
    .filter(([amount], index) => index === 0 || amount > 0 || precise)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(' ')
}

/** "2026-03-01 10:00:00 UTC" of an RFC 3339 timestamp. */
export const formatTime = (timestamp: string): string => {
  const time = new Date(timestamp)
  return Number.isNaN(time.getTime()) ? timestamp : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
