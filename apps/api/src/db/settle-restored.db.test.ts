import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { migrateDatabase } from './migrate.ts'

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const readAll = async (cursor?: string) => {
  const events = []
  const input = { query: { type: 'status' as const, ...(cursor !== undefined && { cursor }) } }
  const options = { signal: AbortSignal.timeout(10_000) }
  for await (const event of await api.client.events.ofTeam(input, options)) events.push(event)
  return events
}
const countXids = async (): Promise<number> => {
  const [row] = await api.database.db.execute<{ count: number }>(
    sql`select count(distinct xid)::int as count from events`,
  )
  return row?.count ?? 0
}

it('events that another server wrote are read, and newer ones after them', async () => {
  const host = await api.startHost('one')
  const deploy = async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    await host.converge()
    return uuid
  }
  const old = [await deploy(), await deploy()]
  const before = await readAll()
  // As in a backup of a server that has seen many more transactions.
  await api.database.db.execute(sql`update events set xid = (xid::text::bigint + 4000000000)::text::xid8`)
  await migrateDatabase(api.config.databaseUrl ?? '')
  expect((await readAll()).map(({ message, at }) => ({ message, at }))).toEqual(
    before.map(({ message, at }) => ({ message, at })),
  )
  const cursor = (await readAll()).at(-1)?.cursor
  const uuid = await deploy()
  expect(old).not.toContain(uuid)
  expect(new Set((await readAll(cursor)).map((event) => event.container_uuid))).toEqual(new Set([uuid]))
})

it('events of this server are left as they are', async () => {
  const before = await countXids()
  expect(before).toBeGreaterThan(1)
  await migrateDatabase(api.config.databaseUrl ?? '')
  expect(await countXids()).toBe(before)
})
