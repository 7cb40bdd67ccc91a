import { describe, expect, it } from 'vitest'
import { requireMountable, volumeStatusOf } from './status.ts'

const row = {
  desired: 'present',
  driver: 'local',
  generation: 1,
  madeSizeBytes: 1,
  failureGeneration: null,
  failureCode: null,
  failureMessage: null,
} as const
const facts = { state: 'ready', generation: 1, problem: null, failureCode: null } as const
const noSpace = { failureCode: 'no_space', failureMessage: 'Full.' } as const

describe('a volume', () => {
  it.each([
    ['creating', { ...row, madeSizeBytes: null }, undefined, false],
    ['failed', { ...row, madeSizeBytes: null, failureGeneration: 1, ...noSpace }, undefined, false],
    ['available', row, facts, false],
    ['resizing', { ...row, generation: 2 }, facts, false],
    ['degraded', row, { ...facts, state: 'degraded', problem: 'It hangs.' }, false],
    ['failed', row, { ...facts, state: 'degraded', failureCode: 'volume_lost' }, false],
    ['unreachable', row, facts, true],
    ['available', { ...row, driver: 'moosefs' }, facts, true],
    ['deleting', { ...row, desired: 'deleted' }, facts, true],
  ] as const)('is %s', (status, intent, reported, isSilent) => {
    expect(volumeStatusOf(intent, reported, isSilent).status).toBe(status)
  })

  it('says why its last resize failed until the next', () => {
    const failed = { ...row, generation: 2, failureGeneration: 2, ...noSpace }
    const now = { ...facts, generation: 2 }
    expect(volumeStatusOf(failed, now, false)).toEqual({
      status: 'available',
      reason: { code: 'no_space', message: 'Full.' },
    })
    expect(volumeStatusOf({ ...failed, generation: 3 }, { ...now, generation: 3 }, false).reason).toBeNull()
  })

  it('is not given to containers when it is lost', () => {
    const lost = volumeStatusOf(row, { ...facts, state: 'degraded', failureCode: 'volume_lost' }, false)
    expect(() => requireMountable({ name: 'data' }, lost)).toThrow(/^Volume data is failed/)
    expect(() => requireMountable({ name: 'data' }, { status: 'creating', reason: null })).not.toThrow()
  })
})
