import postgres from 'postgres'
import { expect, test } from 'vitest'

import { createTestDatabase } from './postgres.ts'
import { currentRun } from './postgres-run.ts'

async function query(url: string, statement: string): Promise<postgres.RowList<postgres.Row[]>> {
  const sql = postgres(url, { max: 1 })
  try {
    return await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

const migrate = async (url: string): Promise<void> =>
  void (await query(url, 'create table hosts (name text primary key)'))

test('a test database has the migrated schema and nothing of its siblings', async () => {
  await using first = await createTestDatabase({ template: 'siblings', migrate })
  await using second = await createTestDatabase({ template: 'siblings', migrate })
  await query(first.url, `insert into hosts values ('one')`)
  expect(await query(first.url, 'select name from hosts')).toEqual([{ name: 'one' }])
  expect(await query(second.url, 'select name from hosts')).toEqual([])
})

test('files that ask at the same time migrate once', async () => {
  let migrations = 0
  const counting = async (url: string): Promise<void> => {
    migrations += 1
    await migrate(url)
  }
  const databases = await Promise.all(
    Array.from({ length: 6 }, () => createTestDatabase({ template: 'once', migrate: counting })),
  )
  expect(migrations).toBe(1)
  expect(new Set(databases.map(({ url }) => url)).size).toBe(6)
  await Promise.all(databases.map((database) => database[Symbol.asyncDispose]()))
})

test('a failed migration leaves no template for the next caller', async () => {
  const failing = (): Promise<void> => Promise.reject(new Error('no such column'))
  await expect(createTestDatabase({ template: 'failing', migrate: failing })).rejects.toThrow(
    'no such column',
  )
  await using database = await createTestDatabase({ template: 'failing', migrate })
  expect(await query(database.url, 'select name from hosts')).toEqual([])
})

test('a disposed database is gone, even with a session in it', async () => {
  const database = await createTestDatabase({ template: 'siblings', migrate })
  const sql = postgres(database.url, { max: 1 })
  await sql`select 1`
  await database[Symbol.asyncDispose]()
  const name = new URL(database.url).pathname.slice(1)
  expect(await query(currentRun().url, `select 1 from pg_database where datname = '${name}'`)).toEqual([])
  await sql.end({ timeout: 0 })
})

test('the server speaks UTF-8, UTC and sorts by code point', async () => {
  const { url } = currentRun()
  const [row] = await query(
    url,
    `select current_setting('server_encoding') as encoding, current_setting('TimeZone') as zone,
            array(select unnest(array['b', 'B', 'a', 'ä']) order by 1) as sorted, upper('ä') as upper`,
  )
  expect(row).toEqual({ encoding: 'UTF8', zone: 'UTC', sorted: ['B', 'a', 'b', 'ä'], upper: 'Ä' })
})
