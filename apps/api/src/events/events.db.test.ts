import type { Event } from '@gpulab/contract'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
})
afterAll(() => api[Symbol.asyncDispose]())

const deploy = () => api.client.containers.create({ body: { image: 'x' } })

async function read(query: { cursor?: string; type?: 'status' } = {}): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of await api.client.events.ofTeam({ query })) events.push(event)
  return events
}
const brief = (events: readonly Event[]) =>
  events.map(({ container_uuid, status }) => [container_uuid, status])

describe("a team's events", () => {
  it('are those of all of its containers, and of no other team', async () => {
    const first = await deploy()
    const second = await deploy()
    const foreign = await api.stranger.containers.create({ body: { image: 'x' } })
    await host.converge()
    const events = await read({ type: 'status' })
    for (const { uuid } of [first, second]) {
      expect(brief(events.filter(({ container_uuid }) => container_uuid === uuid))).toEqual([
        [uuid, 'deploying'],
        [uuid, 'running'],
      ])
    }
    expect(events.some(({ container_uuid }) => container_uuid === foreign.uuid)).toBe(false)
  })

  it('go on after a cursor, or from now', async () => {
    const all = await read()
    const cursor = all.at(-2)?.cursor
    expect(await read({ ...(cursor !== undefined && { cursor }) })).toEqual(all.slice(-1))
    expect(await read({ cursor: 'now' })).toEqual([])
    await expect(read({ cursor: 'x' })).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('come as they happen, also past a transaction that commits late', async () => {
    const controller = new AbortController()
    const stream = await api.client.events.ofTeam(
      { query: { follow: 'true', cursor: 'now', type: 'status' } },
      { signal: controller.signal },
    )
    const seen: [string, string | null][] = []
    const following = (async () => {
      for await (const { container_uuid: uuid, status } of stream) seen.push([uuid, status])
    })().catch(() => {})

    const { uuid } = await deploy()
    // It takes its number now and commits after others have taken and committed theirs.
    const late = postgres(api.config.databaseUrl ?? '', { max: 1 })
    const held = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const [team] = await api.database.sql<{ team_uuid: string }[]>`
      select team_uuid from containers where uuid = ${uuid}`
    const writing = late.begin(async (tx) => {
      await tx`insert into events (team_uuid, container_uuid, type, status, message)
        values (${team?.team_uuid ?? ''}, ${uuid}, 'status', 'late', '')`
      entered.resolve()
      await held.promise
    })
    await entered.promise
    const other = await deploy()
    await host.converge()
    held.resolve()
    await writing
    await late.end()
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(5)
    controller.abort()
    await following
    expect(seen.filter(([, status]) => status === 'late')).toHaveLength(1)
    expect(seen.filter(([of]) => of === other.uuid).map(([, status]) => status)).toEqual([
      'deploying',
      'running',
    ])
  })
})
