import { expect, it } from 'vitest'
import { createRate } from './rate.ts'

it('lets a burst through, then as many as come back with time, for each owner alone', () => {
  let time = 1000
  const rate = createRate({ perSecond: 10, burst: 3, now: () => time })
  const taken = (owner = 'a'): number => {
    let count = 0
    try {
      for (; count < 100; count++) rate.take(owner)
    } catch (error) {
      expect(error).toMatchObject({ code: 'rate_limited' })
    }
    return count
  }
  expect([taken(), taken()]).toEqual([3, 0])
  expect(taken('b')).toBe(3)
  time += 99
  expect(taken()).toBe(0)
  time += 1
  expect(taken()).toBe(1)
  time += 250
  expect(taken()).toBe(2)
  time += 60_000
  expect(taken()).toBe(3)
})
