import { describe, expect, it } from 'vitest'
import { firstThatFit, lastThatFit } from './fit.ts'

describe('what fits into an answer', () => {
  it('is all of what is short', () => {
    expect(lastThatFit(['a', 'b'], 100)).toEqual({ lines: ['a', 'b'], left_out: 0 })
    expect(lastThatFit([], 100)).toEqual({ lines: [], left_out: 0 })
    expect(firstThatFit([{ a: 1 }], 100)).toEqual({ items: [{ a: 1 }], left_out: 0 })
  })

  it('is the newest lines of a log', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`)
    const { lines: kept, left_out } = lastThatFit(lines, 200)
    expect(kept.at(-1)).toBe('line 99')
    expect(kept).toEqual(lines.slice(left_out))
    expect(left_out).toBeGreaterThan(0)
    expect(JSON.stringify(kept, null, 1).length).toBeLessThanOrEqual(200)
  })

  it('is the end of a line that is too long alone', () => {
    const { lines, left_out } = lastThatFit(['first', `${'x'.repeat(500)}end`], 100)
    expect(lines).toEqual([expect.stringMatching(/x+end$/)])
    expect(left_out).toBe(1)
    const escaped = lastThatFit(['\u0001'.repeat(500)], 100)
    expect(JSON.stringify(escaped.lines, null, 1).length).toBeLessThanOrEqual(100)
  })

  it('is the first items of a list, whole ones', () => {
    const items = Array.from({ length: 100 }, (_, index) => ({ index }))
    const fitting = firstThatFit(items, 300)
    expect(fitting.items).toEqual(items.slice(0, 100 - fitting.left_out))
    expect(fitting.left_out).toBeGreaterThan(0)
    expect(JSON.stringify(fitting.items, null, 1).length).toBeLessThanOrEqual(300)
  })
})
