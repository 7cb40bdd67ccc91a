import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ScreenModes } from './screen-modes.ts'

const escape = '\u001b'
const plain = `${escape}[0m`

function resetOf(...parts: string[]): string {
  const modes = new ScreenModes()
  for (const part of parts) modes.push(Buffer.from(part))
  return modes.reset.replace(plain, '').replaceAll(escape, '^')
}

describe('a mode that was changed', () => {
  it.each([
    ['text', ''],
    ['^[?1049h', '^[?1049l'],
    ['^[?1049h^[?1049l', ''],
    ['^[?25l', '^[?25h'],
    ['^[?25l^[?25h', ''],
    ['^[?7l', '^[?7h'],
    ['^[?1000;1006h', '^[?1000l^[?1006l'],
    ['^[?2004h', '^[?2004l'],
    ['^[?1h^=', '^>^[?1l'],
    ['^[2;10r', '^7^[r^8'],
    ['^[2;10r^[r', ''],
    ['^[4h', '^[4l'],
    ['^(0', '^(B'],
    ['^(0lqk^(B', ''],
    ['^[5 q', '^[0 q'],
    ['^[>4;2m', '^[>4m'],
    ['^[?1049h^[?25lx^c', ''],
    // Nobody knows it, or it is no mode.
    ['^[?9999h^[31m^[2J^[?1$p', ''],
    // Within a title or another string.
    ['^]0;^\\^[?25l', '^[?25h'],
    ['^]0;[?25l\u0007', ''],
    ['^P[?25l^\\', ''],
  ])('(%j) is reset by %j', (written, expected) => {
    const text = written.replaceAll('^', escape)
    expect(resetOf(text)).toBe(expected)
    expect(resetOf(...text)).toBe(expected)
  })
})

describe('whatever is written', () => {
  it('makes no reset but of what is known', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const modes = new ScreenModes()
        for (const part of parts) modes.push(part)
        expect(modes.reset.length).toBeLessThan(500)
      }),
    )
  })
})
