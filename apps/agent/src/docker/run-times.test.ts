import { describe, expect, it } from 'vitest'
import { toRunTimes } from './run-times.ts'

const never = '0001-01-01T00:00:00Z'
const at = (ms: string): string => `2026-01-02T03:04:05.${ms}Z`

describe('when a container ran', () => {
  it.each([
    ['never', false, never, never, null, null],
    ['still', true, at('1'), never, at('1'), null],
    ['again', true, at('3'), at('2'), at('3'), null],
    ['to its end', false, at('1'), at('9'), at('1'), at('9')],
    [
      'and ended before the engine noted its start',
      false,
      at('747123'),
      at('745'),
      at('747123'),
      at('747123'),
    ],
  ])('%s', (_, isRunning, StartedAt, FinishedAt, startedAt, finishedAt) => {
    expect(toRunTimes({ StartedAt, FinishedAt }, isRunning)).toEqual({ startedAt, finishedAt })
  })
})
