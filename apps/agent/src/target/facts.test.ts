import type { TargetContainer } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { StepFailure } from '../containers/failure.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { toFacts } from './facts.ts'
import { createFailures } from './failures.ts'
import { createRestarts } from './restarts.ts'

const wish = {
  uuid: 'a',
  generation: 2,
  desired: 'running',
  start_after: null,
  attempt: 1,
  restarts: 0,
  has_run: false,
  gpu_uuids: ['GPU-1'],
} as unknown as TargetContainer
const observed: ObservedContainer = {
  id: 'id',
  name: 'n',
  uuid: 'a',
  generation: 2,
  team: 't',
  host: 'h',
  gpuUuids: ['GPU-1'],
  state: 'exited',
  pid: 0,
  startedAt: 's',
  finishedAt: 'f',
  exitCode: 1,
  oomKilled: true,
  createdAt: 'c',
  network: 'n',
  volumes: [],
  isStuck: false,
  guestFolder: null,
}
const none = {
  wanted: [wish],
  observed: [],
  isBusy: () => false,
  failures: createFailures(),
  restarts: createRestarts(),
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
        restarts: 0,
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

  it('call a generation absent in whose place an older one is, unless this target is an old one', () => {
    const older = { ...observed, generation: 1 }
    expect(toFacts({ ...none, observed: [older] })).toMatchObject([
      { generation: 1, state: 'exited' },
      { generation: 2, state: 'absent', busy: false },
    ])
    expect(toFacts({ ...none, observed: [{ ...observed, generation: 3 }] })).toHaveLength(1)
    expect(toFacts({ ...none, observed: [observed] })).toHaveLength(1)
  })

  it('count the restarts of their attempt', () => {
    const restarts = createRestarts()
    const ofOne = (container: Partial<ObservedContainer>, wanted: TargetContainer = wish) =>
      toFacts({ ...none, restarts, wanted: [wanted], observed: [{ ...observed, ...container }] })[0]?.restarts
    expect(ofOne({}, { ...wish, restarts: 3 })).toBe(3)
    restarts.set(wish, { count: 2, after: 's' })
    expect(ofOne({ state: 'running' })).toBe(2)
    expect(ofOne({ startedAt: 'later' })).toBe(2)
    expect(ofOne({})).toBe(1)
    expect(ofOne({ startedAt: 'later' }, { ...wish, attempt: 2 })).toBe(0)
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
      {
        generation: 2,
        state: 'absent',
        failure: { attempt: 1, code: 'image_not_found', message: 'no image' },
      },
    ])
  })
})

describe('a failure', () => {
  const failure = new StepFailure('gpu_busy', 'busy')
  it('counts for its attempt alone', () => {
    const failures = createFailures()
    failures.add(wish, failure)
    expect(failures.find(wish)).toEqual({ attempt: 1, code: 'gpu_busy', message: 'busy' })
    for (const other of [{ generation: 3 }, { attempt: 2 }]) {
      expect(failures.find({ ...wish, ...other })).toBeUndefined()
    }
  })

  it('is kept as long as the target has the attempt, whatever it wishes', () => {
    const failures = createFailures()
    failures.add(wish, failure)
    failures.keep([{ ...wish, desired: 'stopped' } as TargetContainer])
    expect(failures.find(wish)).toBeDefined()
    failures.keep([{ ...wish, attempt: 2 }])
    expect(failures.find(wish)).toBeUndefined()
    failures.add(wish, failure)
    failures.keep([])
    expect(failures.find(wish)).toBeUndefined()
  })

  it('carries no control characters, and not too much', () => {
    const failures = createFailures()
    failures.add(wish, new StepFailure('container_start_failed', `a\0b\x1b[2J\nc${'d'.repeat(5000)}`))
    const message = failures.find(wish)?.message ?? ''
    expect(message).toHaveLength(2000)
    expect(message.slice(0, 10)).toBe('a b [2J\ncd')
  })

  it('of an exit counts for the attempt whose run it was', () => {
    const exitFailures = new Map([['id', { code: 'command_not_startable' as const, message: 'none' }]])
    const input = { ...none, observed: [observed], exitFailures }
    expect(toFacts(input)[0]?.failure).toEqual({
      attempt: 1,
      code: 'command_not_startable',
      message: 'none',
    })
    const next = { ...wish, start_after: 's', attempt: 2 }
    expect(toFacts({ ...input, wanted: [next] })[0]?.failure).toBeNull()
  })

  it('is not told of what was to go and has gone', () => {
    const failures = createFailures()
    failures.add(wish, failure)
    expect(toFacts({ ...none, failures, wanted: [{ ...wish, desired: 'absent' }] })).toEqual([])
  })
})
