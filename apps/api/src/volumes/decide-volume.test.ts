import type { VolumeFacts } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { decideVolume } from './decide-volume.ts'
import type { VolumeRow } from './store.ts'

const now = new Date(0)
const row: VolumeRow = {
  uuid: 'v',
  teamUuid: 't',
  createdBy: 'u',
  name: 'data',
  driver: 'local',
  sizeBytes: 200,
  madeSizeBytes: 100,
  generation: 2,
  hostUuid: 'h',
  desired: 'present',
  failureGeneration: null,
  failureCode: null,
  failureMessage: null,
  createdAt: now,
  deletedAt: null,
}
const ready: VolumeFacts = {
  uuid: 'v',
  state: 'ready',
  generation: 2,
  size_bytes: 210,
  used_bytes: 1,
  enforced: true,
  problem: null,
  failure: null,
}
const noSpace = { generation: 2, code: 'no_space', message: 'Full.' }
const decide = (intent: Partial<VolumeRow>, facts: Partial<VolumeFacts>) =>
  decideVolume({ ...row, ...intent }, { ...ready, ...facts }, now)

describe('a host says of a volume', () => {
  it('that it has its new size', () => {
    expect(decide({}, {})).toMatchObject({ change: { madeSizeBytes: 200 }, isWishChanged: false })
  })

  it('that it was made, so that it is lost if it is gone later', () => {
    const { change, isWishChanged } = decide(
      { madeSizeBytes: null, failureGeneration: 2, failureCode: 'x' },
      {},
    )
    expect(change).toEqual({
      madeSizeBytes: 200,
      failureGeneration: null,
      failureCode: null,
      failureMessage: null,
    })
    expect(isWishChanged).toBe(true)
  })

  it('nothing that a newer wish would follow from', () => {
    expect(decide({ generation: 3 }, {})).toMatchObject({ change: {}, isWishChanged: false })
    expect(decide({ generation: 3 }, { failure: noSpace })).toMatchObject({
      change: {},
      isWishChanged: false,
    })
  })

  it('that a size can not be had, which is then taken back', () => {
    expect(decide({}, { generation: 1, failure: noSpace })).toMatchObject({
      change: { sizeBytes: 100, failureGeneration: 2, failureCode: 'no_space', failureMessage: 'Full.' },
      isWishChanged: true,
    })
  })

  it('that it can not be made', () => {
    expect(
      decide({ madeSizeBytes: null }, { state: 'pending', generation: 0, failure: noSpace }),
    ).toMatchObject({
      change: { failureGeneration: 2, failureCode: 'no_space' },
      isWishChanged: false,
    })
  })

  it('that it is gone, which counts only once it shall be', () => {
    expect(decide({}, { state: 'absent' }).change).toEqual({})
    expect(decide({ desired: 'deleted' }, { state: 'absent' }).change).toEqual({ deletedAt: now })
    expect(decide({ desired: 'deleted' }, {}).change).toEqual({})
  })
})
