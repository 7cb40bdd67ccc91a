import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'

describe("the system's clock", () => {
  it('measures in what it takes for a timeout', () => {
    const began = systemClock.monotonic()
    expect(Number.isSafeInteger(began)).toBe(true)
    expect(systemClock.timeout(began + 60_000 - systemClock.monotonic()).aborted).toBe(false)
  })
})
