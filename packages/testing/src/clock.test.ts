import { expect, test } from 'vitest'

import { createFakeClock } from './clock.ts'

test('a fake clock stands still until it is advanced', () => {
  const clock = createFakeClock(new Date('2026-05-01T12:00:00Z'))
  expect(clock.now()).toEqual(new Date('2026-05-01T12:00:00Z'))
  clock.advance(1500)
  expect(clock.now()).toEqual(new Date('2026-05-01T12:00:01.500Z'))
})

test('a returned date does not change the clock', () => {
  const clock = createFakeClock()
  clock.now().setFullYear(1999)
  expect(clock.now()).toEqual(new Date('2026-01-01T00:00:00Z'))
})

test('a fake clock does not go back', () => {
  expect(() => createFakeClock().advance(-1)).toThrow(RangeError)
})
