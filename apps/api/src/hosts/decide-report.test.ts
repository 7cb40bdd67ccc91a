import type { ContainerFacts } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import type { Facts, Intent } from '../containers/status.ts'
import type { ContainerRecord, ContainerRow } from '../containers/store.ts'
import { decideReport } from './decide-report.ts'

const first = '2026-01-01T00:00:00.000000001Z'
const second = '2026-01-01T01:00:00.000000001Z'
const now = new Date('2026-01-01T02:00:00Z')
const uuid = '00000000-0000-4000-8000-000000000000'

const rest: Omit<ContainerFacts, 'uuid'> = {
  generation: 1,
  state: 'absent',
  busy: false,
  started_at: null,
  finished_at: null,
  exit_code: null,
  oom_killed: false,
  restarts: 0,
  gpu_uuids: [],
  failure: null,
}
const failedOnce: Partial<ContainerFacts> = { state: 'exited', started_at: first, exit_code: 1 }

function toRecord(row: Partial<ContainerRow>, facts: Partial<Facts> | undefined): ContainerRecord {
  const intent: Intent = {
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
    holds: true,
    ...row,
  }
  const whole = { uuid, announcedStatus: 'running', announcedReason: null, ...intent, ...row }
  const known = {
    generation: 1,
    state: 'exited',
    busy: false,
    startedAt: first,
    finishedAt: null,
    exitCode: 1,
    oomKilled: false,
    lastExit: null,
    restarts: 0,
    failureAttempt: null,
    failureCode: null,
    failureMessage: null,
    ...facts,
  }
  // No more of a row than decisions depend on.
  return { row: whole, intent, facts: facts && known } as unknown as ContainerRecord
}

const decide = (record: ContainerRecord, facts: Partial<ContainerFacts>, version = 5) =>
  decideReport(
    [record],
    {
      target_version: version,
      engine: { available: true, version: null, message: null },
      containers: [{ ...rest, uuid, ...facts }],
    },
    now,
  )

describe('a stop', () => {
  const stopping = toRecord({ desired: 'stopped', startAfter: first, announcedStatus: 'stopping' }, {})

  it('is done once the host proves it, and frees its share', () => {
    const { told, released } = decide(stopping, failedOnce)
    expect(told).toMatchObject([{ view: { status: 'stopped' } }])
    expect(released).toEqual([uuid])
  })

  it('is not done by what the host said before it knew of it', () => {
    expect(decide(stopping, failedOnce, 4)).toMatchObject({ told: [], released: [] })
  })
})

describe('a run of before', () => {
  it.each([
    ['while a step is under way', { state: 'pulling', busy: true }, {}, first],
    ['that is gone', { state: 'absent' }, {}, first],
    ['until another is seen', { state: 'running', started_at: second }, {}, second],
    ['of an older generation not at all', { state: 'created', generation: 2 }, { generation: 2 }, null],
  ] as const)('is remembered %s', (_, facts, row, startedAt) => {
    expect(decide(toRecord(row, {}), facts).facts).toMatchObject([{ startedAt }])
  })
})

describe('automatic restarts', () => {
  const restart = { policy: 'on-failure', max_retries: 3 } as const
  const tired = toRecord({ restart, announcedStatus: 'failed', announcedReason: 'exited' }, { restarts: 3 })

  it('stay counted when an agent that is new does not know of them yet', () => {
    expect(decide(tired, failedOnce, -1)).toMatchObject({ told: [], areWishesChanged: false })
    const { told } = decide(tired, { ...failedOnce, started_at: second }, -1)
    expect(told).toEqual([])
  })

  it('count anew after a good run', () => {
    const good = { ...failedOnce, started_at: first, finished_at: second }
    expect(decide(tired, good, -1)).toMatchObject({ told: [{ view: { status: 'restarting' } }] })
  })

  it('are counted by the agent once it has its target', () => {
    expect(decide(tired, failedOnce)).toMatchObject({ told: [{ view: { status: 'restarting' } }] })
  })

  it('of an earlier attempt do not count for the present one', () => {
    const again = toRecord({ restart, attempt: 2, startAfter: first }, { restarts: 3 })
    const { facts } = decide(again, { ...failedOnce, started_at: second }, -1)
    expect(facts).toMatchObject([{ restarts: 0 }])
  })
})
