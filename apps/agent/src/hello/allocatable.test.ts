import { describe, expect, it } from 'vitest'
import { toAllocatable } from './allocatable.ts'

const gibibyte = 1024 ** 3

describe('what may be promised', () => {
  it.each([
    ['of a small machine is all but half', 1, undefined, 1, 0.5],
    ['is all but a gibibyte', 16, undefined, 1, 15],
    ['of a large machine is all but a share', 512, undefined, 1, 496],
    ['is what the operator says', 512, 64 * gibibyte, 1, 64],
    ['is more where the operator allows it', 16, undefined, 4, 60],
    ['is more of what the operator says', 512, 64 * gibibyte, 1.5, 96],
  ])('%s', (_, machine, memoryBytes, overcommit, expected) => {
    const { cpus, memoryBytes: memory } = toAllocatable(
      { cpus: 8, memoryBytes: machine * gibibyte },
      { memoryBytes, overcommit },
    )
    expect(memory).toBe(expected * gibibyte)
    expect(cpus).toBe(8 * overcommit)
  })
})
