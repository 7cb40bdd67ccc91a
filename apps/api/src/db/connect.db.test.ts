import { createTestDatabase } from '@gpulab/testing'
import { eq, sql } from 'drizzle-orm'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Connection } from './connect.ts'

const numbers = pgTable('numbers', { n: integer('n').notNull() })
const others = pgTable('others', { n: integer('n').primaryKey() })

describe('the connection', () => {
  let connection: Connection
  const stack = new AsyncDisposableStack()
  beforeAll(async () => {
    const database = stack.use(await createTestDatabase({ template: 'empty', migrate: async () => {} }))
    connection = connect(database.url)
    stack.defer(() => connection.close())
    await connection.db.execute(sql`create table numbers (n integer not null)`)
    await connection.db.execute(sql`create table others (n integer primary key)`)
  })
  afterAll(() => stack.disposeAsync())

  it('has statements prepared, those of transactions too', async () => {
    const { db } = connection
    const count = async (run: typeof db): Promise<number> => {
      const [row] = await run.execute<{ count: number }>(
        sql`select count(*)::int as count from pg_prepared_statements where statement like '%' || ${'"numbers"'} || '%'`,
      )
      return row?.count ?? 0
    }
    await db.transaction(async (tx) => {
      await tx
        .select()
        .from(numbers)
        .where(sql`${numbers.n} = ${1}`)
      expect(await count(tx as unknown as typeof db)).toBe(1)
      await tx
        .select()
        .from(numbers)
        .where(sql`${numbers.n} = ${2}`)
      expect(await count(tx as unknown as typeof db)).toBe(1)
    })
  })

  // Reports rely on it. Statements of different kinds need not keep their order: drizzle takes more turns to hand over
  // one kind than another.
  it('reads what a lock protects in the round trip that takes it', async () => {
    const { db } = connection
    await db.insert(numbers).values({ n: 0 })
    for (let n = 1; n <= 10; n++) {
      const isLocked = Promise.withResolvers<void>()
      const mayGo = Promise.withResolvers<void>()
      const first = db.transaction(async (tx) => {
        await tx.select().from(numbers).for('update')
        isLocked.resolve()
        await mayGo.promise
        await tx.update(numbers).set({ n })
      })
      await isLocked.promise
      const second = db.transaction(async (tx) => {
        const lock = async () => await tx.select().from(numbers).for('update')
        const read = async () => await tx.select().from(numbers).leftJoin(others, eq(others.n, numbers.n))
        const both = Promise.all([lock(), read()])
        mayGo.resolve()
        return await both
      })
      const [, [, read]] = await Promise.all([first, second])
      expect(read).toMatchObject([{ numbers: { n } }])
    }
  })

  it('keeps transactions and other statements apart under load', async () => {
    const { db } = connection
    const transaction = async (): Promise<string> =>
      db.transaction(async (tx) => {
        const [first] = await tx.execute<{ xid: string }>(sql`select pg_current_xact_id()::text as xid`)
        await tx.execute(sql`select pg_sleep(0.001)`)
        const [second] = await tx.execute<{ xid: string }>(sql`select pg_current_xact_id()::text as xid`)
        expect(second).toEqual(first)
        return first?.xid ?? ''
      })
    const statement = async (n: number): Promise<string> => {
      const padding = 'x'.repeat(20_000)
      const [row] = await db.execute<{ xid: string }>(
        sql`select pg_current_xact_id()::text as xid, length(${padding}), ${n}::int`,
      )
      return row?.xid ?? ''
    }
    const rounds = Array.from({ length: 400 }, (_, n) => (n % 4 === 0 ? transaction() : statement(n)))
    const xids = await Promise.all(rounds)
    expect(new Set(xids).size).toBe(xids.length)
  })
})
