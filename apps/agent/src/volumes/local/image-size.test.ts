import { expect, it } from 'vitest'
import { toImageBytes } from './image-size.ts'

const mib = 2 ** 20

it('gives the file system what it needs for itself, in whole MiB', () => {
  expect(toImageBytes(256 * mib) / mib).toBe(355)
  expect(toImageBytes(2 ** 40) / 2 ** 40).toBeLessThan(1.011)
  expect(toImageBytes(256 * mib + 1) % mib).toBe(0)
})

it('never shrinks as sizes grow', () => {
  let last = 0
  for (let size = 256 * mib; size < 2 ** 42; size = Math.floor(size * 1.37)) {
    expect(toImageBytes(size)).toBeGreaterThan(Math.max(last, size))
    last = toImageBytes(size)
  }
})
