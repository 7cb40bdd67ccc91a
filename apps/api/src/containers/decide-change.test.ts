import { describe, expect, it } from 'vitest'
import { decideStart, decideWaitAgain, type HostShares } from './decide-change.ts'
import type { ContainerRecord } from './store.ts'

const gibibyte = 2 ** 30
const hostOf = (state: HostShares['state']): HostShares => ({
  uuid: 'host',
  name: 'one',
  state,
  cpus: 8,
  memoryBytes: 8 * gibibyte,
  diskBytes: 0,
  requestedCpus: 0,
  requestedMemoryBytes: 0,
  requestedDiskBytes: 0,
  containersCount: 1,
})

/** One whose command has just ended by itself. */
function recordOf(holds: boolean): ContainerRecord {
  const row = {
    uuid: 'container',
    name: 'job',
    hostUuid: 'host',
    desired: 'running',
    generation: 1,
    baseGeneration: null,
    startAfter: null,
    attempt: 1,
    restart: { policy: 'no', max_retries: null },
    verdictAttempt: null,
    verdictCode: null,
    verdictMessage: null,
    targetVersion: 1,
    holds,
    gpuTypes: [],
    gpuCount: 0,
    memoryBytes: gibibyte,
    cpus: null,
    diskBytes: 0,
  }
  const facts = { generation: 1, state: 'exited', busy: false, startedAt: 'then', exitCode: 0, restarts: 0 }
  return { row, intent: row, facts } as unknown as ContainerRecord
}

describe('a start', () => {
  const start = (state: HostShares['state'], holds: boolean) =>
    decideStart(recordOf(holds), hostOf(state), { last: [], free: [] })?.change

  it.each(['active', 'cordoned'] as const)('goes on where its host is %s', (state) => {
    for (const holds of [true, false]) {
      expect(start(state, holds)).toMatchObject({ desired: 'running', attempt: 2, startAfter: 'then' })
    }
  })

  it.each(['draining', 'fenced'] as const)('is refused where its host is %s, share or not', (state) => {
    for (const holds of [true, false]) expect(() => start(state, holds)).toThrow(/takes no work/)
  })
})

describe('a redeployment of one that left the line', () => {
  const now = new Date(0)
  const waitAgain = (fields: Partial<ContainerRecord['row']>) => {
    const { row } = recordOf(false)
    const changed = { ...row, ...fields }
    return decideWaitAgain(
      { row: changed, intent: changed, facts: undefined } as unknown as ContainerRecord,
      now,
    )
  }
  const overdue = { verdictAttempt: 1, verdictCode: 'queue_timeout', verdictMessage: 'It waited for a day.' }

  it('gets it in line again, at its end', () => {
    expect(waitAgain({ hostUuid: null, ...overdue })).toMatchObject({ queuedAt: now, attempt: 2 })
  })

  it('leaves one that is still in line where it is', () => {
    expect(waitAgain({ hostUuid: null })).toBeUndefined()
  })

  it('puts none in line that got a host meanwhile', () => {
    expect(() => waitAgain({ hostUuid: 'host', ...overdue })).toThrow(/cannot get in line/)
  })
})
