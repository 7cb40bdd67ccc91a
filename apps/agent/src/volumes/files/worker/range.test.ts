import { describe, expect, it } from 'vitest'
import { parseRange } from './range.ts'

describe('a range', () => {
  it.each([
    ['bytes=0-', 0, 9],
    ['bytes=3-5', 3, 5],
    ['bytes=3-500', 3, 9],
    ['bytes=-4', 6, 9],
    ['bytes=-400', 0, 9],
    ['bytes=9-9', 9, 9],
  ])('%s of ten bytes', (header, start, end) => {
    expect(parseRange(header, 10)).toEqual({ start, end })
  })

  it.each([['bytes=0-1,3-4'], ['bytes=-'], ['bytes=5-3'], ['lines=1-2'], ['bytes=a-b'], ['']])(
    '%j is ignored',
    (header) => {
      expect(parseRange(header, 10)).toBeUndefined()
    },
  )

  it.each([
    ['bytes=10-', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ])('%s of %i bytes is not there', (header, size) => {
    expect(() => parseRange(header, size)).toThrow(expect.objectContaining({ code: 'ERANGE' }) as Error)
  })
})
