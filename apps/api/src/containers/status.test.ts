import { describe, expect, it } from 'vitest'
import { type Facts, type Intent, isGone, isProofOfRest, restartsOf, statusOf, wishOf } from './status.ts'

const first = '2026-01-01T00:00:00.000000001Z'
const second = '2026-01-01T01:00:00.000000001Z'

const intent = (changes: Partial<Intent> = {}): Intent => ({
  desired: 'running',
  hostUuid: 'host',
  generation: 1,
  baseGeneration: null,
  startAfter: null,
  attempt: 1,
  restart: { policy: 'no', max_retries: null },
  verdictAttempt: null,
  verdictCode: null,
  verdictMessage: null,
  targetVersion: 5,
  holds: false,
  ...changes,
})
const facts = (changes: Partial<Facts> = {}): Facts => ({
  generation: 1,
  state: 'running',
  busy: false,
  startedAt: first,
  exitCode: null,
  oomKilled: false,
  failureAttempt: null,
  failureCode: null,
  failureMessage: null,
  restarts: 0,
  ...changes,
})
const absent = (changes: Partial<Facts> = {}) => facts({ state: 'absent', startedAt: null, ...changes })
const exited = (exitCode: number, changes: Partial<Facts> = {}) =>
  facts({ state: 'exited', exitCode, ...changes })

const verdict = (code: string): Partial<Intent> => ({
  verdictAttempt: 1,
  verdictCode: code,
  verdictMessage: 'Why.',
})

describe('the status', () => {
  it.each<[string, Intent, Facts | undefined, string, string | undefined, string]>([
    ['nothing is known yet', intent(), undefined, 'deploying', undefined, 'running'],
    ['the host has not begun', intent(), absent(), 'deploying', undefined, 'running'],
    [
      'the image is pulled',
      intent(),
      absent({ state: 'pulling', busy: true }),
      'deploying',
      undefined,
      'running',
    ],
    [
      'it was made but not started',
      intent(),
      facts({ state: 'created', startedAt: null }),
      'deploying',
      undefined,
      'running',
    ],
    ['it runs', intent(), facts(), 'running', undefined, 'running'],
    [
      'it could not be made',
      intent(),
      absent({ failureAttempt: 1, failureCode: 'image_not_found', failureMessage: 'No.' }),
      'failed',
      'image_not_found',
      'absent',
    ],
    ['it ended well', intent(), exited(0), 'stopped', 'exited', 'stopped'],
    ['it ended badly', intent(), exited(3), 'failed', 'exited', 'stopped'],
    [
      'it ran out of memory',
      intent(),
      exited(137, { oomKilled: true }),
      'failed',
      'out_of_memory',
      'stopped',
    ],
    [
      'a start of what had run failed',
      intent({ startAfter: first, attempt: 2 }),
      exited(0, { failureAttempt: 2, failureCode: 'gpu_busy', failureMessage: 'No.' }),
      'failed',
      'gpu_busy',
      'stopped',
    ],
    [
      'it shall start again after a failure',
      intent({ startAfter: first, attempt: 3 }),
      exited(0, { failureAttempt: 2, failureCode: 'gpu_busy', failureMessage: 'No.' }),
      'starting',
      undefined,
      'running',
    ],
    ['it vanished', intent(), absent({ startedAt: first }), 'failed', 'container_lost', 'absent'],
    ['it shall stop', intent({ desired: 'stopped' }), facts(), 'stopping', undefined, 'stopped'],
    [
      'it shall stop before the host spoke',
      intent({ desired: 'stopped' }),
      undefined,
      'stopping',
      undefined,
      'stopped',
    ],
    ['it stopped', intent({ desired: 'stopped' }), exited(143), 'stopped', 'exited', 'stopped'],
    [
      'it shall stop and may have started since its host spoke',
      intent({ desired: 'stopped', startAfter: first, holds: true }),
      exited(143),
      'stopping',
      undefined,
      'stopped',
    ],
    [
      'it was stopped before it was made',
      intent({ desired: 'stopped' }),
      absent(),
      'stopped',
      undefined,
      'stopped',
    ],
    ['it shall start again', intent({ startAfter: first }), exited(0), 'starting', undefined, 'running'],
    ['it shall restart', intent({ startAfter: first }), facts(), 'restarting', undefined, 'running'],
    [
      'it restarted',
      intent({ startAfter: first }),
      facts({ startedAt: second }),
      'running',
      undefined,
      'running',
    ],
    [
      'it restarted and ended',
      intent({ startAfter: first }),
      exited(0, { startedAt: second }),
      'stopped',
      'exited',
      'stopped',
    ],
    ['it waits in line', intent({ hostUuid: null }), undefined, 'queued', undefined, 'running'],
    [
      'it waited too long',
      intent({ hostUuid: null, ...verdict('queue_timeout') }),
      undefined,
      'failed',
      'queue_timeout',
      'stopped',
    ],
    [
      'its deployment took too long',
      intent(verdict('deploy_timeout')),
      absent({ state: 'pulling', busy: true }),
      'failed',
      'deploy_timeout',
      'stopped',
    ],
    [
      'its deployment took too long and its host has nothing of it',
      intent(verdict('deploy_timeout')),
      facts({ state: 'created', startedAt: null }),
      'failed',
      'deploy_timeout',
      'absent',
    ],
    [
      'its deployment took too long and its host has not proven that it has nothing of it',
      intent({ ...verdict('deploy_timeout'), holds: true }),
      absent(),
      'failed',
      'deploy_timeout',
      'stopped',
    ],
    [
      'its host was declared dead after it said that it has nothing of it yet',
      intent(verdict('host_fenced')),
      absent(),
      'failed',
      'host_fenced',
      'stopped',
    ],
    [
      'its host was cut off before it said anything',
      intent(verdict('deploy_timeout')),
      undefined,
      'failed',
      'deploy_timeout',
      'stopped',
    ],
    [
      'it runs after all, too late',
      intent(verdict('deploy_timeout')),
      facts(),
      'failed',
      'deploy_timeout',
      'stopped',
    ],
    [
      'a verdict was passed on an earlier attempt',
      intent({ ...verdict('deploy_timeout'), attempt: 2 }),
      facts(),
      'running',
      undefined,
      'running',
    ],
    [
      'its host was declared dead while it had files of an older generation',
      intent({ ...verdict('host_fenced'), generation: 2, baseGeneration: 1 }),
      undefined,
      'failed',
      'host_fenced',
      'stopped',
    ],
    [
      'its stop takes too long',
      intent({ desired: 'stopped', ...verdict('stop_timeout') }),
      facts(),
      'failed',
      'stop_timeout',
      'stopped',
    ],
    [
      'its stop came true after all',
      intent({ desired: 'stopped', ...verdict('stop_timeout') }),
      exited(137),
      'stopped',
      'exited',
      'stopped',
    ],
    [
      'an operator drained its host',
      intent({ desired: 'stopped', ...verdict('host_drained') }),
      exited(143),
      'stopped',
      'host_drained',
      'stopped',
    ],
    [
      'its deletion takes long',
      intent({ desired: 'deleted', ...verdict('delete_delayed') }),
      facts(),
      'deleting',
      'delete_delayed',
      'absent',
    ],
    [
      'it is about to run again after a failure',
      intent({ restart: { policy: 'on-failure', max_retries: 3 } }),
      exited(1, { restarts: 2, busy: true }),
      'restarting',
      'exited',
      'running',
    ],
    [
      'it has run again often enough',
      intent({ restart: { policy: 'on-failure', max_retries: 3 } }),
      exited(1, { restarts: 3 }),
      'failed',
      'exited',
      'stopped',
    ],
    [
      'it ended well and is restarted after failures only',
      intent({ restart: { policy: 'on-failure', max_retries: null } }),
      exited(0),
      'stopped',
      'exited',
      'stopped',
    ],
    [
      'it is always restarted',
      intent({ restart: { policy: 'unless-stopped', max_retries: null } }),
      exited(0, { restarts: 50, busy: true }),
      'restarting',
      'exited',
      'running',
    ],
    ['it shall go', intent({ desired: 'deleted' }), facts(), 'deleting', undefined, 'absent'],
    ['an older generation runs', intent({ generation: 2 }), facts(), 'deploying', undefined, 'running'],
  ])('when %s', (_when, wanted, seen, status, reason, wish) => {
    expect(statusOf(wanted, seen).status).toBe(status)
    expect(statusOf(wanted, seen).reason?.code).toBe(reason)
    expect(wishOf(wanted, seen)).toBe(wish)
  })
})

describe('why it ended', () => {
  it('may be its host, where the exit code does not tell', () => {
    const messageOf = (exitCode: number) => statusOf(intent(), exited(exitCode)).reason?.message
    expect(messageOf(1)).toBe('Its command ended with exit code 1.')
    expect(messageOf(255)).toMatch(/exit code 255\. .*host or the engine/)
  })
})

describe('GPUs are free', () => {
  it.each<[string, Intent, Facts]>([
    ['it stopped', intent({ desired: 'stopped' }), exited(0)],
    ['it ended by itself', intent(), exited(1)],
    ['it failed', intent(), absent({ failureAttempt: 1, failureCode: 'image_not_found' })],
    ['it is gone', intent({ desired: 'deleted' }), absent()],
    ['it vanished', intent(), absent({ startedAt: first })],
  ])('when %s', (_when, wanted, seen) => expect(isProofOfRest(wanted, seen, 5)).toBe(true))

  it.each<[string, Intent, Facts | undefined, number?]>([
    ['nothing is known', intent({ desired: 'deleted' }), undefined],
    ['it runs', intent({ desired: 'stopped' }), facts()],
    ['it has not been made yet', intent(), absent()],
    ['a step is under way', intent({ desired: 'deleted' }), absent({ busy: true })],
    ['the host looked before it knew the newest intent', intent({ desired: 'deleted' }), absent(), 4],
    ['it is about to start again', intent({ startAfter: first }), exited(0)],
    ['the facts are of an older generation', intent({ desired: 'deleted', generation: 2 }), absent()],
    [
      'it is about to be restarted by its policy',
      intent({ restart: { policy: 'unless-stopped', max_retries: null } }),
      exited(0),
    ],
  ])('not when %s', (_when, wanted, seen, version = 5) =>
    expect(isProofOfRest(wanted, seen, version)).toBe(false),
  )
})

describe('restarts', () => {
  it.each<[string, Intent, Facts | undefined, number]>([
    ['of the present attempt', intent(), exited(1, { restarts: 2 }), 2],
    ['of a run that is to be followed', intent({ startAfter: first }), exited(1, { restarts: 2 }), 0],
    ['of an older generation', intent({ generation: 2 }), exited(1, { restarts: 2 }), 0],
    ['of what is not known', intent(), undefined, 0],
  ])('%s', (_what, wanted, seen, count) => expect(restartsOf(wanted, seen)).toBe(count))
})

describe('a deleted container', () => {
  it('is gone once the host says so, knowing that it shall be', () => {
    expect(isGone(intent({ desired: 'deleted' }), absent(), 5)).toBe(true)
    expect(isGone(intent({ desired: 'deleted' }), exited(0), 5)).toBe(false)
    expect(isGone(intent({ desired: 'deleted' }), absent(), 4)).toBe(false)
    expect(isGone(intent(), absent(), 5)).toBe(false)
  })
})
