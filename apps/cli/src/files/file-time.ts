const farSeconds = 2 ** 36

/** Seconds since 1970 as Node takes them: of a number below zero it makes the present. What no file can have is 1970. */
export function toFileTime(seconds: number): number | Date {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > farSeconds) return 0
  return seconds < 0 ? new Date(seconds * 1000) : seconds
}
