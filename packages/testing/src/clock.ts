/** Time as a test wants it; starts at a fixed instant. */
export interface FakeClock {
  now(): Date
  advance(ms: number): void
  /** As a machine's clock is, that was wrong. */
  setBack(ms: number): void
}

/** A clock that moves only when told. */
export function createFakeClock(start = new Date('2026-01-01T00:00:00Z')): FakeClock {
  let nowMs = start.getTime()
  return {
    now: () => new Date(nowMs),
    advance(ms) {
      if (ms < 0) throw new RangeError('A clock does not go back.')
      nowMs += ms
    },
    setBack(ms) {
      nowMs -= ms
    },
  }
}
