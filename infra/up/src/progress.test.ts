import { describe, expect, it } from 'vitest'
import { createProgress, formatSeconds } from './progress.ts'

function record(isTTY: boolean) {
  const texts: string[] = []
  return { texts, progress: createProgress({ isTTY, write: (text) => texts.push(text) }) }
}

describe('progress', () => {
  it('is one plain line a step without a terminal', async () => {
    const { texts, progress } = record(false)
    await progress.step(
      'engine',
      async (note) => note('starting'),
      () => 'ready',
    )
    expect(texts.join('')).toMatch(/^✓ engine +0\.0 s {3}ready\n$/)
  })

  it('shows the current step on a terminal and clears it', async () => {
    const { texts, progress } = record(true)
    await progress.step('engine', async (note) => note('starting'))
    expect(texts.join('')).toContain('starting')
    expect(texts.at(-2)).toBe('\r\x1b[K')
  })

  it('marks a step that failed and passes its error on', async () => {
    const { texts, progress } = record(false)
    await expect(progress.step('engine', () => Promise.reject(new Error('no disk')))).rejects.toThrow(
      'no disk',
    )
    expect(texts.join('')).toMatch(/^✗ engine/)
  })

  it.each([
    [400, '0.4 s'],
    [59_960, '60.0 s'],
    [125_000, '2 m 5 s'],
  ])('writes %i ms as %s', (ms, text) => {
    expect(formatSeconds(ms)).toBe(text)
  })
})
