import { createTestDatabase, eventually, type TestDatabase } from '@gpulab/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'

// Without patches/postgres@3.4.9.patch the process ends, or a statement runs in somebody else's transaction.

let database: TestDatabase
let observer: Sql

beforeAll(async () => {
  const migrate = async (url: string): Promise<void> => {
    const sql = postgres(url, { max: 1 })
    await sql`create table notes (text text)`
    await sql.end()
  }
  database = await createTestDatabase({ template: 'lost-connection', migrate })
  observer = postgres(database.url, { max: 1 })
})
afterAll(async () => {
  await observer.end()
  await database[Symbol.asyncDispose]()
})

/** One connection, so that whatever comes next gets the very one that was lost. */
function open(): Sql {
  const sql = postgres(database.url, { max: 1, backoff: () => 0.01, onnotice: () => {} })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

const endBackend = (pid: number) => observer`select pg_terminate_backend(${pid}, 5000)`
const pidOf = async (sql: Sql | postgres.TransactionSql): Promise<number> =>
  (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid ?? 0

it('a transaction that loses its connection between two statements fails, and nothing else', async () => {
  const sql = open()
  const work = sql.begin(async (tx) => {
    await endBackend(await pidOf(tx))
    await tx`select 1`
  })
  await expect(work).rejects.toThrow()
  expect(await pidOf(sql)).toBeGreaterThan(0)
})

it('a transaction that loses its connection during a statement fails, and nothing else', async () => {
  const sql = open()
  const work = sql.begin(async (tx) => {
    const pid = await pidOf(tx)
    const sleeping = tx`select pg_sleep(60)`
    await Promise.all([sleeping, endBackend(pid)])
  })
  await expect(work).rejects.toThrow()
  expect(await pidOf(sql)).toBeGreaterThan(0)
})

it('what is left of a lost transaction never reaches the connection that comes after it', async () => {
  const sql = open()
  const { promise: gone, resolve: goOn } = Promise.withResolvers<void>()
  const left = Promise.withResolvers<unknown>()
  const work = sql.begin(async (tx) => {
    const pid = await pidOf(tx)
    void gone.then(() => left.resolve(tx`insert into notes values ('of a lost transaction')`))
    await endBackend(pid)
    await left.promise
  })
  await expect(work).rejects.toThrow()
  // The same object of the driver's, connected anew and in the middle of somebody else's transaction.
  await sql.begin(async (other) => {
    await other`insert into notes values ('of another')`
    goOn()
    await expect(left.promise).rejects.toThrow()
  })
  await eventually(async () =>
    expect(await observer`select text from notes`).toEqual([{ text: 'of another' }]),
  )
})

it('a pool whose transactions were all lost is whole again', async () => {
  const sql = open()
  for (let n = 0; n < 5; n++) {
    const work = sql.begin(async (tx) => {
      await endBackend(await pidOf(tx))
      await Promise.all([tx`select 1`, tx`select 2`, tx`select 3`])
    })
    await expect(work).rejects.toThrow()
    expect(await pidOf(sql)).toBeGreaterThan(0)
  }
})
