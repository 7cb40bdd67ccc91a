import { describe, expect, it } from 'vitest'
import { type CardRequest, chooseCards } from './choose-cards.ts'

const h = (n: number) => ({ uuid: `h${n}`, name: 'H100' })
const a = (n: number) => ({ uuid: `a${n}`, name: 'A100' })
const request = (changes: Partial<CardRequest> = {}): CardRequest => ({
  gpuTypes: ['H100', 'A100'],
  gpuCount: 2,
  generation: 3,
  last: [h(0), h(1)],
  ...changes,
})

describe('a container that starts again gets', () => {
  it.each([
    [
      'the very same cards',
      request(),
      [h(2), h(1), h(0)],
      { generation: 3, gpuType: 'H100', gpuUuids: ['h0', 'h1'] },
    ],
    [
      'others if one is taken',
      request(),
      [h(1), h(2)],
      { generation: 4, gpuType: 'H100', gpuUuids: ['h1', 'h2'] },
    ],
    [
      'those of its next type',
      request(),
      [h(1), a(0), a(1)],
      { generation: 4, gpuType: 'A100', gpuUuids: ['a0', 'a1'] },
    ],
    [
      'any if it was never made',
      request({ last: [] }),
      [h(0), h(1)],
      { generation: 4, gpuType: 'H100', gpuUuids: ['h0', 'h1'] },
    ],
    ['none if there are too few', request(), [h(0), a(0)], undefined],
  ])('%s', (_what, wanted, free, expected) => {
    expect(chooseCards(wanted, free)).toEqual(expected)
  })
})
