import type { TargetContainer } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { StepFailure } from '../containers/failure.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { toFacts } from './facts.ts'
import { createFailures } from './failures.ts'

const wish = {
  uuid: 'a',
  generation: 2,
  desired: 'running',
  start_after: null,
  gpu_uuids: ['GPU-1'],
} as unknown as TargetContainer
const observed: ObservedContainer = {
  id: 'id',
  name: 'n',
  uuid: 'a',
  generation: 2,
  team: 't',
  gpuUuids: ['GPU-1'],
  state: 'exited',
  pid: 0,
  startedAt: 's',
  finishedAt: 'f',
  exitCode: 1,
  oomKilled: true,
}
const none = {
  wanted: [wish],
  observed: [],
  isBusy: () => false,
  failures: createFailures(),
  exitFailures: new Map(),
}

describe('facts', () => {
  it('show what the engine has', () => {
    expect(toFacts({ ...none, observed: [observed] })).toEqual([
      {
        uuid: 'a',
        generation: 2,
        state: 'exited',
        busy: false,
        started_at: 's',
        finished_at: 'f',
        exit_code: 1,
        oom_killed: true,
        gpu_uuids: ['GPU-1'],
        failure: null,
      },
    ])
  })

  it('never call absent what is being worked on', () => {
    const isBusy = () => true
    expect(toFacts({ ...none, isBusy })).toMatchObject([
      { state: 'pulling', busy: true, gpu_uuids: ['GPU-1'] },
    ])
    const leaving = { ...wish, desired: 'absent' as const }
    expect(toFacts({ ...none, isBusy, wanted: [leaving] })).toMatchObject([{ state: 'exited', busy: true }])
  })

  it('leave out what is not there', () => {
    expect(toFacts(none)).toEqual([])
  })

  it('tell why a generation could not be made, and put the newest last', () => {
    const failures = createFailures()
    failures.add(wish, new StepFailure('image_not_found', 'no image'))
    const rows = toFacts({ ...none, failures, observed: [{ ...observed, generation: 1 }] })
    expect(rows).toMatchObject([
      { generation: 1, failure: null },
      { generation: 2, state: 'absent', failure: { code: 'image_not_found', message: 'no image' } },
    ])
  })
})

describe('a failure', () => {
  const failure = new StepFailure('gpu_busy', 'busy')
  it('counts for its wish alone', () => {
    const failures = createFailures()
    failures.add(wish, failure)
    expect(failures.find(wish)).toMatchObject({ code: 'gpu_busy' })
    for (const other of [{ generation: 3 }, { start_after: 't' }, { desired: 'stopped' as const }]) {
      expect(failures.find({ ...wish, ...other })).toBeUndefined()
    }
  })

  it('is forgotten with the wish', () => {
    const failures = createFailures()
    failures.add(wish, failure)
    failures.keep([wish])
    expect(failures.find(wish)).toBeDefined()
    failures.keep([{ ...wish, desired: 'stopped' }])
    expect(failures.find(wish)).toBeUndefined()
  })
})
