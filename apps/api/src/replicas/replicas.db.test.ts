import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { eventually } from '@gpulab/testing'
import pino from 'pino'
import { createHostsCheck } from './hosts-check.ts'
import { keepAnnounced } from './keep-announced.ts'
import { upsertReplica } from './store.ts'

const own = 'https://api-1.example.com'
const other = 'https://api-2.example.com'

let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi({ uplinkUrl: own })
  host = await api.startHost('first')
})
afterAll(() => api?.[Symbol.asyncDispose]())

const announce = (url: string): Promise<void> => upsertReplica(api.database.db, url, api.clock.now())

const listed = async (): Promise<string[]> =>
  (await host.control.gateways.list({})).replicas?.map(({ uplink_url: url }) => url) ?? []

describe('a replica', () => {
  it('is told to agents as long as it is heard of', async () => {
    await announce(own)
    api.clock.advance(30_000)
    await announce(other)
    expect(await listed()).toEqual([own, other])
    api.clock.advance(16_000)
    expect(await listed()).toEqual([other])
    api.clock.advance(30_000)
    expect(await listed()).toEqual([])
  })

  it('is forgotten in the end', async () => {
    api.clock.advance(3600_000)
    await api.sweep()
    expect(await api.database.sql`select * from replicas`).toHaveLength(0)
  })

  it('announces itself, and goes on after the database was away', async () => {
    const { config, clock, database } = api
    const stopping = new AbortController()
    onTestFinished(() => stopping.abort())
    const lines: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
    await database.sql`alter table replicas rename to hidden`
    const announcing = keepAnnounced({ config, clock, db: database.db, log }, stopping.signal)
    await eventually(() => expect(lines).toHaveLength(1))
    await database.sql`alter table hidden rename to replicas`
    await eventually(async () => expect(await listed()).toEqual([own]))
    expect(lines).toHaveLength(1)
    stopping.abort()
    await announcing
  })
})

describe('a replica that has just started', () => {
  let nowMs = 0
  const check = (uplinks: Pick<TestApi['uplinks'], 'count'>) => {
    const { config, clock, database } = api
    const parts = { config, clock, db: database.db, uplinks: { ...api.uplinks, ...uplinks } }
    const run = createHostsCheck(parts, () => nowMs)
    return () =>
      run().then(
        () => 'ready',
        () => 'waits',
      )
  }

  it('waits for its hosts, while another one has them', async () => {
    let dialled = 0
    const ask = check({ count: () => dialled })
    await host.report()
    await announce(other)
    expect(await ask()).toBe('waits')
    dialled = 1
    expect(await ask()).toBe('ready')
    dialled = 0
    expect(await ask()).toBe('ready')
  })

  it('does not wait where it is alone', async () => {
    api.clock.advance(20_000)
    await announce(own)
    expect(await check({ count: () => 0 })()).toBe('ready')
  })

  it('does not wait for a host that is silent', async () => {
    api.clock.advance(60_000)
    await announce(other)
    expect(await check({ count: () => 0 })()).toBe('ready')
  })

  it('does not wait for ever', async () => {
    await host.report()
    await announce(other)
    const ask = check({ count: () => 0 })
    expect(await ask()).toBe('waits')
    nowMs += 31_000
    expect(await ask()).toBe('ready')
  })
})
