import type { RestartPolicy } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { countBefore, createRestarts, type RestartRecord, toRestart } from './restarts.ts'

const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString()
const ended = (exitCode: number, seconds = 1, oomKilled = false) => ({
  state: 'exited' as const,
  startedAt: at(0),
  finishedAt: at(seconds),
  exitCode,
  oomKilled,
})
const never: RestartRecord = { count: 0, after: null }
const counted = (count: number, after: string | null = 'an earlier run'): RestartRecord => ({ count, after })
const no: RestartPolicy = { policy: 'no', max_retries: null }
const onFailure = (max_retries: number | null = null): RestartPolicy => ({
  policy: 'on-failure',
  max_retries,
})
const always: RestartPolicy = { policy: 'unless-stopped', max_retries: null }

describe('a run that has ended', () => {
  it.each<[string, RestartPolicy, ReturnType<typeof ended>, RestartRecord, [number, number] | undefined]>([
    ['is the last one without a policy', no, ended(1), never, undefined],
    ['is followed after a failure', onFailure(), ended(3), never, [1, 100]],
    [
      'is followed when it was out of memory, whatever its exit code',
      onFailure(),
      ended(0, 1, true),
      never,
      [1, 100],
    ],
    ['is the last one after a success', onFailure(), ended(0), never, undefined],
    ['is followed whatever it ended with', always, ended(0), never, [1, 100]],
    ['is followed as often as it may be', onFailure(2), ended(1), counted(1), [2, 200]],
    ['is the last one then', onFailure(2), ended(1), counted(2), undefined],
    ['is waited after twice as long each time', always, ended(1), counted(5), [6, 3200]],
    ['is waited after for a minute at most', always, ended(1), counted(500), [501, 60_000]],
    ['counts anew when it was a long one', onFailure(2), ended(1, 10), counted(2), [1, 100]],
    ['does not when it was a short one', onFailure(2), ended(1, 9.999), counted(2), undefined],
    ['is followed once, however often that is tried', onFailure(2), ended(1), counted(2, at(0)), [2, 200]],
  ])('%s', (_, policy, run, record, expected) => {
    const next = toRestart(policy, run, record)
    expect(next && [next.record.count, next.afterMs]).toEqual(expected)
    if (next) {
      expect(next.record.after).toBe(run.startedAt)
      expect(toRestart(policy, run, next.record)).toEqual(next)
    }
  })

  it('is none while it runs', () => {
    const run = { ...ended(0), state: 'running' as const }
    expect(toRestart(always, run, never)).toBeUndefined()
    expect(countBefore(run, counted(4))).toBe(4)
    expect(countBefore(undefined, counted(4))).toBe(4)
  })

  it('without times is a short one', () => {
    expect(countBefore({ ...ended(1), startedAt: null }, counted(4))).toBe(4)
  })
})

describe('the count of an attempt', () => {
  const wish = { uuid: 'a', generation: 1, attempt: 1, restarts: 4 }
  it('begins where the control plane heard of it last, and then is our own', () => {
    const restarts = createRestarts()
    expect(restarts.find(wish)).toEqual({ count: 4, after: null })
    restarts.set(wish, { count: 1, after: 't' })
    expect(restarts.find(wish)).toEqual({ count: 1, after: 't' })
    expect(restarts.find({ ...wish, attempt: 2, restarts: 0 })).toEqual({ count: 0, after: null })
  })

  it('is forgotten with its attempt', () => {
    const restarts = createRestarts()
    restarts.set(wish, { count: 1, after: 't' })
    restarts.keep([wish])
    expect(restarts.find(wish).count).toBe(1)
    restarts.keep([{ ...wish, attempt: 2 }])
    expect(restarts.find(wish).count).toBe(4)
  })
})
