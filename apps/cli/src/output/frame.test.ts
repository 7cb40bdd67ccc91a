import { describe, expect, it } from 'vitest'
import { type Frame, toFrame } from './frame.ts'

const size = { columns: 11, rows: 4 }
const before: Frame = { text: '', height: 2, columns: 11 }

describe('toFrame', () => {
  it.each<[string, string[], Frame | undefined, string]>([
    ['begins where the cursor is', ['a', 'b'], undefined, 'a[K\nb[K\n[J'],
    ['takes the place of the one before', ['a'], before, '\r[2Aa[K\n[J'],
    ['has a row left for the cursor', ['a', 'b', 'c', 'd'], undefined, 'a[K\nb[K\nc[K\n[J'],
    ['is no wider than the terminal', ['0123456789abc'], undefined, '0123456789[K\n[J'],
    ['counts colours as nothing', ['\u001B[31m012345678\u001B[39m'], undefined, '[31m012345678[39m[K\n[J'],
    ['cuts what is coloured', ['\u001B[31m0123456789a\u001B[39m'], undefined, '0123456789[K\n[J'],
    ['begins at the top where the width has changed', ['a'], { ...before, columns: 80 }, '[Ha[K\n[J'],
    ['shows nothing in place of nothing', [], { ...before, height: 0 }, '[J'],
  ])('%s', (_what, lines, previous, text) => {
    expect(toFrame(lines, previous, size).text.replaceAll('\u001B', '')).toBe(text)
  })

  it('never hides the cursor', () => {
    expect(toFrame(['a'], before, size).text).not.toContain('?25')
  })
})
