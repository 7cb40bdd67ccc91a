import { createTestDatabase } from '@gpulab/testing'
import { eq, sql } from 'drizzle-orm'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Connection } from './connect.ts'

const numbers = pgTable('numbers', { n: integer('n').notNull() })
const chain = pgTable('chain', { n: integer('n').primaryKey(), parent: integer('parent') })

describe('the connection', () => {
  let connection: Connection
  const stack = new AsyncDisposableStack()
  beforeAll(async () => {
    const database = stack.use(await createTestDatabase({ template: 'empty', migrate: async () => {} }))
    connection = connect(database.url)
    stack.defer(() => connection.close())
    await connection.db.execute(sql`create table numbers (n integer not null)`)
    await connection.db.execute(
      sql`create table chain (n integer primary key, parent integer references chain)`,
    )
    await connection.db.execute(sql`create sequence turns`)
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

  // Of different kinds they need not: drizzle takes more turns to hand over one kind than another.
  it('runs statements of one kind that are sent together in their order', async () => {
    for (let n = 1; n <= 20; n++) {
      await connection.db.transaction(async (tx) => {
        const insert = async (parent: number | null): Promise<void> => {
          await tx.insert(chain).values({ n: 10 * n + (parent === null ? 0 : 1), parent })
        }
        await Promise.all([insert(null), insert(10 * n)])
        const lock = async () =>
          tx
            .select()
            .from(chain)
            .where(eq(chain.n, 10 * n))
            .for('update')
        const turn = async () =>
          tx
            .select({ at: sql<number>`nextval('turns')::int` })
            .from(chain)
            .limit(1)
        const [first, , second] = await Promise.all([turn(), lock(), turn()])
        expect(second[0]?.at).toBe((first[0]?.at ?? 0) + 1)
      })
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
