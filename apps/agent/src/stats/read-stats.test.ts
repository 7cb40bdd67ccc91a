import type { ContainerStats } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { takeOne, thin } from './read-stats.ts'

const startMs = Date.UTC(2026, 2, 1, 10)

async function* samples(...cpu: (number | null)[]): AsyncGenerator<ContainerStats> {
  for (const [index, percent] of cpu.entries()) {
    // As the engine does it, each a little later than a second.
    const at = new Date(startMs + index * 1003).toISOString()
    yield { at, cpu_percent: percent } as ContainerStats
  }
}
const cpuOf = (stats: readonly ContainerStats[]) => stats.map(({ cpu_percent: percent }) => percent)

describe('one sample', () => {
  it.each([
    ['the second, which has a figure for the CPU', [null, 1, 2], [1]],
    ['the first, where somebody else watches', [1, 2], [1]],
    ['one without, where there is none', [null, null, null, 4], [null]],
    ['none, where the container ends', [null], []],
  ])('is %s', async (_what, cpu, expected) => {
    expect(cpuOf(await Array.fromAsync(takeOne(samples(...cpu))))).toEqual(expected)
  })
})

describe('followed samples', () => {
  it.each([
    ['from the start', [null, 1, 2, 3, 4, 5], [null, 1, 3, 5]],
    ['from the middle', [1, 2, 3, 4, 5], [1, 3, 5]],
    ['over a restart', [1, 2, 3, null, 5, 6, 7], [1, 3, 5, 7]],
  ])('come at once, and then every two seconds, %s', async (_what, cpu, expected) => {
    expect(cpuOf(await Array.fromAsync(thin(samples(...cpu))))).toEqual(expected)
  })
})
