import { describe, expect, test } from 'vitest'
import {
  type EngineContainer,
  findDisturbed,
  findFaults,
  findIllHosts,
  findLeaseFaults,
  findMismatches,
  findOverdue,
  findSharedGpus,
  type OpenLease,
  type Row,
} from './checkers.ts'

const now = new Date('2026-01-01T12:00:00Z')
const hosts = [{ name: 'host-one', isEngineAvailable: true, isCaughtUp: true }]
const container = (fields: Partial<EngineContainer> = {}): EngineContainer => ({
  id: 'id-a',
  uuid: 'a',
  generation: 1,
  state: 'running',
  gpuUuids: ['GPU-1'],
  pid: 100,
  startedAt: '2026-01-01T11:00:00Z',
  ...fields,
})
const row = (fields: Partial<Row> = {}): Row => ({
  uuid: 'a',
  name: 'job',
  generation: 1,
  status: 'running',
  reason: null,
  deadline: null,
  ...fields,
})
const lease = (fields: Partial<OpenLease> = {}): OpenLease => ({
  gpuUuid: 'GPU-1',
  containerUuid: 'a',
  generation: 1,
  ...fields,
})

test('a system that is well has no faults', () => {
  expect(findFaults({ engine: [container()], rows: [row()], leases: [lease()], hosts, now })).toEqual([])
  expect(findFaults({ engine: [], rows: [], leases: [], hosts, now })).toEqual([])
  const stopped = {
    engine: [container({ state: 'exited' })],
    rows: [row({ status: 'stopped' })],
    leases: [],
    hosts,
    now,
  }
  expect(findFaults(stopped)).toEqual([])
})

describe('one to one', () => {
  const cases: [name: string, engine: EngineContainer[], rows: Row[], finding: RegExp][] = [
    ['an orphan', [container()], [], /belongs to no row/],
    [
      'a container of an older generation',
      [container()],
      [row({ generation: 2 })],
      /g1 .* belongs to no row/,
    ],
    ['a row without its container', [], [row()], /has no container/],
    ['two containers of one row', [container(), container({ id: 'b' })], [row()], /has 2 containers/],
    [
      'one that runs although it is stopped',
      [container()],
      [row({ status: 'stopped' })],
      /stopped.* has .*running/,
    ],
    [
      'one that runs although it has failed',
      [container()],
      [row({ status: 'failed' })],
      /failed.* has .*running/,
    ],
    ['one that has ended unseen', [container({ state: 'exited' })], [row()], /running.* has .*exited/],
    ['one that was queued and made', [container()], [row({ status: 'queued' })], /queued.* has/],
    ...['deploying', 'starting', 'stopping', 'restarting', 'deleting', 'unreachable'].map(
      (status) =>
        [`a row that is ${status} for ever`, [container()], [row({ status })], /not come to rest/] as [
          string,
          EngineContainer[],
          Row[],
          RegExp,
        ],
    ),
  ]
  test.for(cases)('%s is found', ([, engine, rows, finding]) => {
    expect(findMismatches({ engine, rows }).join()).toMatch(finding)
  })

  test.for(['stopped', 'failed', 'queued'])('a row that is %s needs no container', (status) => {
    expect(findMismatches({ engine: [], rows: [row({ status })] })).toEqual([])
  })
})

describe('leases', () => {
  const cases: [
    name: string,
    engine: EngineContainer[],
    rows: Row[],
    leases: OpenLease[],
    finding: RegExp,
  ][] = [
    ['without a row', [], [], [lease()], /There is no row/],
    [
      'of an older generation',
      [container({ generation: 2 })],
      [row({ generation: 2 })],
      [lease()],
      /has the lease/,
    ],
    ['without a container', [], [row({ status: 'failed' })], [lease()], /No container runs/],
    [
      'of a stopped container',
      [container({ state: 'exited' })],
      [row({ status: 'stopped' })],
      [lease()],
      /No container/,
    ],
    [
      'of another card than its container has',
      [container()],
      [row()],
      [lease({ gpuUuid: 'GPU-2' })],
      /GPU-2/,
    ],
    ['that a running container lacks', [container()], [row()], [], /GPU-1 without a lease/],
    ['that somebody else has', [container()], [row()], [lease({ containerUuid: 'b' })], /without a lease/],
  ]
  test.for(cases)('%s are found', ([, engine, rows, leases, finding]) => {
    expect(findLeaseFaults({ engine, rows, leases }).join()).toMatch(finding)
  })
})

describe('shared cards', () => {
  test('two running containers with one card are found', () => {
    const engine = [container(), container({ id: 'id-b', uuid: 'b' })]
    expect(findSharedGpus({ engine, leases: [] })).toEqual([expect.stringContaining('GPU-1 is in use twice')])
  })

  test('two leases of one card are found', () => {
    expect(findSharedGpus({ engine: [], leases: [lease(), lease({ containerUuid: 'b' })] })).toHaveLength(1)
  })

  test('a card may be in containers that do not run', () => {
    const engine = [container(), container({ id: 'id-b', uuid: 'b', state: 'exited' })]
    expect(findSharedGpus({ engine, leases: [lease()] })).toEqual([])
  })
})

test('a row past its deadline is found, with some time for whoever sweeps', () => {
  const at = (seconds: number): string[] =>
    findOverdue({
      rows: [row({ status: 'starting', deadline: new Date(now.getTime() - seconds * 1000) })],
      now,
    })
  expect(at(14)).toEqual([])
  expect(at(16)).toEqual([expect.stringContaining('past its deadline')])
})

describe('hosts', () => {
  const host = { name: 'host-two', isEngineAvailable: true, isCaughtUp: true }
  test('whose engine is away are found', () => {
    const faults = findIllHosts({ hosts: [...hosts, { ...host, isEngineAvailable: false }] })
    expect(faults).toEqual(['The engine of host host-two is not there.'])
  })

  test('that have something to do are found', () => {
    const faults = findIllHosts({ hosts: [...hosts, { ...host, isCaughtUp: false }] })
    expect(faults).toEqual(['Host host-two has still to do something.'])
  })
})

describe('disturbed runs', () => {
  const cases: [name: string, after: EngineContainer[], finding: RegExp][] = [
    ['gone', [], /is gone/],
    ['made anew', [container({ id: 'other' })], /is gone/],
    ['started anew', [container({ pid: 101, startedAt: '2026-01-01T11:59:00Z' })], /was disturbed/],
    ['ended', [container({ state: 'exited', pid: 0 })], /was disturbed/],
  ]
  test.for(cases)('one that was %s is found', ([, after, finding]) => {
    expect(findDisturbed([container()], after).join()).toMatch(finding)
  })

  test('the same run is none', () => {
    expect(findDisturbed([container()], [container()])).toEqual([])
  })
})
