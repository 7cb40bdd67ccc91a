import { describe, expect, it } from 'vitest'
import { parseGpuStats, pickCards } from './parse-gpu-stats.ts'

const mib = 2 ** 20
const silent = {
  memory_used_bytes: null,
  memory_total_bytes: null,
  utilization_percent: null,
  temperature_celsius: null,
  power_watts: null,
  power_limit_watts: null,
}
const cards = (csv: string) => [...parseGpuStats(csv).cards.values()]

describe('parseGpuStats', () => {
  it('reads each card', () => {
    expect(
      cards(
        'GPU-a, NVIDIA GeForce RTX 4090, 20582, 24564, 87, 72, 310.52, 450.00, 550.90.07\n' +
          'GPU-b, NVIDIA H100, 80GB HBM3, 1, 81559, 0, 34, 22.15, 700.00, 550.90.07+simulated\n',
      ),
    ).toEqual([
      {
        uuid: 'GPU-a',
        name: 'NVIDIA GeForce RTX 4090',
        simulated: false,
        memory_used_bytes: 20582 * mib,
        memory_total_bytes: 24564 * mib,
        utilization_percent: 87,
        temperature_celsius: 72,
        power_watts: 310.52,
        power_limit_watts: 450,
        problem: null,
      },
      {
        uuid: 'GPU-b',
        name: 'NVIDIA H100, 80GB HBM3',
        simulated: true,
        memory_used_bytes: mib,
        memory_total_bytes: 81559 * mib,
        utilization_percent: 0,
        temperature_celsius: 34,
        power_watts: 22.15,
        power_limit_watts: 700,
        problem: null,
      },
    ])
  })

  it.each([
    ['[N/A]', null],
    ['N/A', null],
    ['[Not Supported]', null],
    ['[Unknown Error]', 'Unknown Error'],
    ['[GPU is lost]', 'GPU is lost'],
    ['[GPU requires reset]', 'GPU requires reset'],
  ])('has no value where it is %s', (cell, problem) => {
    const csv = `GPU-a, A, ${cell}, ${cell}, ${cell}, ${cell}, ${cell}, ${cell}, 550.90.07`
    expect(cards(csv)).toEqual([{ uuid: 'GPU-a', name: 'A', simulated: false, ...silent, problem }])
  })

  it('keeps what there is of a card without some sensor', () => {
    expect(cards('GPU-a, A, 1, 2, [N/A], 40, [N/A], [N/A], 550')).toMatchObject([
      { memory_used_bytes: mib, temperature_celsius: 40, power_watts: null, problem: null },
    ])
  })

  it('reads the other cards beside one that is lost, and what is said of it', () => {
    const lost = 'Unable to determine the device handle for GPU0000:01:00.0: GPU is lost.\u001B[31m'
    const reading = parseGpuStats(`${lost}\n\nGPU-b, B, 1, 2, 3, 4, 5, 6, 550\n`)
    expect([...reading.cards.keys()]).toEqual(['GPU-b'])
    expect(reading.message).toBe(lost.replace('\u001B', ' '))
  })

  it('finds nothing in nothing', () => {
    expect(parseGpuStats('')).toEqual({ cards: new Map(), message: null })
  })
})

describe('pickCards', () => {
  const reading = parseGpuStats('GPU-a, A, 1, 2, 3, 4, 5, 6, 550\nGPU-b, B, 1, 2, 3, 4, 5, 6, 550')

  it("gives the container's cards alone, in its order", () => {
    expect(pickCards(['GPU-b', 'GPU-a'], reading).map(({ name }) => name)).toEqual(['B', 'A'])
    expect(pickCards([], reading)).toEqual([])
  })

  it.each([
    ['is not listed', reading, 'nvidia-smi does not list this card.'],
    ['is lost', { ...reading, message: 'GPU is lost.' }, 'GPU is lost.'],
    ['was not asked for yet', undefined, 'nvidia-smi has not answered yet.'],
  ])('says so of a card that %s', (_what, told, problem) => {
    expect(pickCards(['GPU-c'], told)).toEqual([
      { uuid: 'GPU-c', name: null, simulated: false, ...silent, problem },
    ])
  })
})
