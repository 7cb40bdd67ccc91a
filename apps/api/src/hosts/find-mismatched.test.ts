import { describe, expect, it } from 'vitest'
import { findMismatched } from './find-mismatched.ts'

const uuid = '00000000-0000-4000-8000-000000000000'
const holder = { row: { uuid, generation: 2, holds: true }, gpus: [{ uuid: 'GPU-1' }, { uuid: 'GPU-2' }] }
const running = { uuid, generation: 2, state: 'running', gpu_uuids: ['GPU-2', 'GPU-1'] } as const

describe('a container that runs', () => {
  it('with the cards that it holds, in whatever order, is well', () => {
    expect(findMismatched([holder], [running])).toEqual([])
    expect(findMismatched([{ ...holder, gpus: [] }], [{ ...running, gpu_uuids: [] }])).toEqual([])
  })

  it.each([
    ['another card', ['GPU-1', 'GPU-3']],
    ['one too few', ['GPU-1']],
    ['one too many', ['GPU-1', 'GPU-2', 'GPU-3']],
    ['none', []],
  ])('with %s contradicts its leases', (_, has) => {
    expect(findMismatched([holder], [{ ...running, gpu_uuids: has }])).toEqual([
      { uuid, has, leased: ['GPU-1', 'GPU-2'] },
    ])
  })

  it('without a share, or from before it was made anew, is another matter', () => {
    const stray = { ...running, gpu_uuids: ['GPU-3'] }
    expect(findMismatched([{ ...holder, row: { ...holder.row, holds: false } }], [stray])).toEqual([])
    expect(findMismatched([holder], [{ ...stray, generation: 1 }])).toEqual([])
    expect(findMismatched([], [stray])).toEqual([])
  })
})

it('what does not run has no cards', () => {
  for (const state of ['absent', 'pulling', 'created', 'exited'] as const) {
    expect(findMismatched([holder], [{ ...running, state, gpu_uuids: ['GPU-3'] }])).toEqual([])
  }
})
