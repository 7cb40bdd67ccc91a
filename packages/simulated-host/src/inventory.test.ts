import { describe, expect, test } from 'vitest'
import { parseGpuSpec, readInventory, renderInventory, toInventory } from './inventory.ts'

describe('parseGpuSpec', () => {
  test.each([
    ['', []],
    ['NVIDIA T4:15360', [{ count: 1, name: 'NVIDIA T4', memoryMib: 15360 }]],
    [
      '2x NVIDIA GeForce RTX 4090:24564, 1x NVIDIA H100 80GB HBM3:81559',
      [
        { count: 2, name: 'NVIDIA GeForce RTX 4090', memoryMib: 24564 },
        { count: 1, name: 'NVIDIA H100 80GB HBM3', memoryMib: 81559 },
      ],
    ],
  ])('reads %j', (text, models) => {
    expect(parseGpuSpec(text)).toEqual(models)
  })

  test.each(['RTX 4090', 'RTX 4090:', '2x :100', 'RTX:0', '99x RTX:10', 'a"b:5'])(
    'refuses %j in one sentence',
    (text) => {
      expect(() => parseGpuSpec(text)).toThrow(/GPU/)
    },
  )
})

describe('toInventory', () => {
  const ids = () => {
    let next = 0
    return () => `new-${next++}`
  }
  const models = parseGpuSpec('2x NVIDIA A100:40960')

  test('gives every card a uuid of its own', () => {
    expect(toInventory(models, [], ids()).map(({ uuid }) => uuid)).toEqual(['GPU-new-0', 'GPU-new-1'])
  })

  test('keeps the uuids of cards that stay', () => {
    const before = toInventory(models, [], ids())
    expect(toInventory(parseGpuSpec('3x NVIDIA A100:40960'), before, () => 'other')).toEqual([
      ...before,
      { uuid: 'GPU-other', name: 'NVIDIA A100', memoryMib: 40960 },
    ])
  })

  test('gives a card of another model another uuid', () => {
    const before = toInventory(models, [], ids())
    const after = toInventory(parseGpuSpec('2x NVIDIA H100:81559'), before, () => 'other')
    expect(after.map(({ uuid }) => uuid)).toEqual(['GPU-other', 'GPU-other'])
  })

  test('is read back as it was written', () => {
    const gpus = toInventory(models, [], ids())
    expect(readInventory(renderInventory(gpus))).toEqual(gpus)
  })
})

test('gpus.csv says that the driver is simulated and numbers cards and buses', () => {
  const csv = renderInventory([
    { uuid: 'GPU-1', name: 'NVIDIA A100', memoryMib: 40960 },
    { uuid: 'GPU-2', name: 'NVIDIA A100', memoryMib: 40960 },
  ])
  expect(csv.split('\n')).toEqual([
    '0,GPU-1,NVIDIA A100,40960,1,0,34,22.15,400.00,550.90.07+simulated,00000000:01:00.0',
    '1,GPU-2,NVIDIA A100,40960,1,0,34,22.15,400.00,550.90.07+simulated,00000000:02:00.0',
    '',
  ])
})
