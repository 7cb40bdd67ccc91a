import { describe, expect, it } from 'vitest'
import { startOfRun } from './start-of-run.ts'

const exit = (finishedAt: string | null) => ({
  exit_code: 0,
  signal: null,
  oom_killed: false,
  finished_at: finishedAt,
})
const at = (second: number) => `2026-03-01T10:00:0${second}.000Z`

describe('startOfRun', () => {
  it.each([
    ['never ran', null, null, null, undefined],
    ['runs for the first time', at(5), null, null, undefined],
    ['runs again', at(5), null, exit(at(4)), at(4)],
    ['runs again after an end of unknown time', at(5), null, exit(null), undefined],
    ['has ended', at(5), at(7), exit(at(7)), at(3)],
  ])('of one that %s', (_what, startedAt, finishedAt, last, expected) => {
    const run = { started_at: startedAt, finished_at: finishedAt, last_exit: last }
    expect(startOfRun(run)).toBe(expected)
  })
})
