import { describe, expect, it } from 'vitest'
import { findLiveHolder } from './claims.ts'
import { parseInventory } from './parse-inventory.ts'

describe('the inventory', () => {
  it('reads real and simulated cards', () => {
    const csv = [
      '0, GPU-5f0c, NVIDIA GeForce RTX 4090, 24564, 550.90.07',
      '1, GPU-6f0c, NVIDIA H100, PCIe, [N/A], 550.90.07+simulated',
      '',
    ].join('\n')
    expect(parseInventory(csv)).toEqual([
      {
        index: 0,
        uuid: 'GPU-5f0c',
        name: 'NVIDIA GeForce RTX 4090',
        memory_bytes: 25_757_220_864,
        simulated: false,
      },
      { index: 1, uuid: 'GPU-6f0c', name: 'NVIDIA H100, PCIe', memory_bytes: 0, simulated: true },
    ])
  })

  it.each([
    '',
    'No devices were found\n',
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it, too, is there, now, please.\n",
    'Field "x" is not a valid field to query.\n',
    '[Unknown Error], [GPU is lost], [GPU is lost], [GPU is lost], 550\n',
  ])('takes %j for none', (text) => {
    expect(parseInventory(text)).toEqual([])
  })
})

describe('a GPU', () => {
  it('is held by another container that runs with it', () => {
    const holder = { uuid: 'b', state: 'running' as const, gpuUuids: ['GPU-1'] }
    expect(findLiveHolder([holder], 'a', ['GPU-2', 'GPU-1'])).toBe('b')
    expect(findLiveHolder([holder], 'b', ['GPU-1'])).toBeUndefined()
    expect(findLiveHolder([holder], 'a', ['GPU-2'])).toBeUndefined()
    expect(findLiveHolder([{ ...holder, state: 'exited' }], 'a', ['GPU-1'])).toBeUndefined()
  })
})
