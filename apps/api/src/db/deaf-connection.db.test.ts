import {
  createTestDatabase,
  eventually,
  startTcpProxy,
  type TcpProxy,
  type TestDatabase,
} from '@gpulab/testing'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { connect, type Connection } from './connect.ts'
import { translateDatabaseError } from './errors.ts'
import { createSignals } from './signals.ts'

let database: TestDatabase
let proxy: TcpProxy

beforeEach(async () => {
  database = await createTestDatabase({ template: 'empty', migrate: async () => {} })
  proxy = await startTcpProxy({ target: { port: Number(new URL(database.url).port) } })
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function open(): Connection {
  const url = new URL(database.url)
  url.port = String(proxy.port)
  const connection = connect(url.href, { answerMs: 1500 })
  onTestFinished(() => connection.close())
  return connection
}

const ask = ({ db }: Connection) => db.execute(sql`select 1 as one`)
const answersAgain = (connection: Connection): Promise<void> =>
  eventually(async () => expect(await ask(connection)).toEqual([{ one: 1 }]))
/** More than the pool has connections. */
const askAll = (connection: Connection) =>
  Promise.allSettled(Array.from({ length: 40 }, () => ask(connection)))

// As when a machine loses its power, or a firewall forgets a connection: nobody says that it is over.
describe('connections whose other end is gone without a word', () => {
  /** The connections that are there go deaf; later ones are well. */
  const deafen = (): void => {
    proxy.set({ kind: 'half-open', unaware: 'client' })
    proxy.heal()
  }

  it('are given up, so that a whole pool of them answers again', async () => {
    const connection = open()
    await askAll(connection)
    deafen()
    await askAll(connection)
    await answersAgain(connection)
  })

  it('end their transaction, and no other', async () => {
    const connection = open()
    const work = connection.db.transaction(async (tx) => {
      await tx.execute(sql`select 1`)
      deafen()
      await tx.execute(sql`select 2`)
    })
    const failure: unknown = await work.catch((error: unknown) => error)
    expect(translateDatabaseError(failure)).toMatchObject({ code: 'database_unavailable' })
    await answersAgain(connection)
  })

  it('hold no lock for long', async () => {
    const connection = open()
    const { db } = connection
    await db.execute(sql`create table things (name text)`)
    await db.execute(sql`insert into things values ('one')`)
    const lock = sql`select * from things for update`
    const work = db.transaction(async (tx) => {
      await tx.execute(lock)
      proxy.set({ kind: 'half-open', unaware: 'server' })
      proxy.heal()
      await tx.execute(lock)
    })
    await expect(work).rejects.toThrow()
    await eventually(() => db.transaction((tx) => tx.execute(lock)))
  })

  it('are noticed by whoever only listens: it wakes all, and hears again', async () => {
    const connection = open()
    const signals = await createSignals(connection.sql, { aliveMs: 200 })
    onTestFinished(() => signals.close())
    using listener = signals.listen('gpulab_target', 'a')
    const { signal } = new AbortController()
    /** Milliseconds until it is woken. */
    const wake = async (): Promise<number> => {
      const since = performance.now()
      await listener.wait(15_000, signal)
      return performance.now() - since
    }
    deafen()
    expect(await wake()).toBeLessThan(10_000)
    const woken = wake()
    await connection.sql`select pg_notify('gpulab_target', 'a')`
    expect(await woken).toBeLessThan(10_000)
  })
})
