import { sql } from 'drizzle-orm'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { prepareStatements } from './prepare-statements.ts'

export type Sql = postgres.Sql
export type Database = PostgresJsDatabase
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
/** For queries that run inside a transaction or outside of one. */
export type Queries = Database | Transaction

/** Of transactions: what waits for locks is what fills it. */
export interface Pool {
  readonly size: number
  /** Those that wait for a connection included. */
  inUse(): number
}

export interface Connection {
  readonly db: Database
  readonly sql: Sql
  readonly pool: Pool
  close(): Promise<void>
}

const statementTimeoutMs = 15_000
/** Longer than any statement may take: whoever has not answered by then is gone, though nobody says so. */
const answerMs = 20_000

const poolSize = { statements: 8, transactions: 16 }

export interface ConnectOptions {
  readonly answerMs?: number
  readonly onTransaction?: ((outcome: 'committed' | 'rolled_back', seconds: number) => void) | undefined
}

/**
 * Pools of connections. Queries fail at once while the server is away, and work again when it is back.
 *
 * Transactions have a pool of their own. They wait for locks, and reads are not to wait with them. And the driver may
 * send a `begin` after other statements on a connection that it then fails to reserve (porsager/postgres#823), so that
 * strangers' statements end up in that transaction: where only transactions run, each begins on an idle connection.
 */
export function connect(url: string, options: ConnectOptions = {}): Connection {
  const limits = { answerMs: options.answerMs ?? answerMs }
  const open = (max: number): Sql =>
    postgres(url, {
      max,
      connect_timeout: 5,
      answer_timeout: limits.answerMs / 1000,
      idle_timeout: 300,
      // Seconds. A query waits for the next try, so this bounds how long a request hangs while the server is away.
      backoff: (retries) => Math.min(0.1 * 2 ** retries, 1),
      onnotice: () => {},
      connection: {
        application_name: 'gpulab-api',
        statement_timeout: statementTimeoutMs,
        // A replica that lost its power in the middle of a transaction would keep its host locked for hours.
        idle_in_transaction_session_timeout: limits.answerMs,
        TimeZone: 'UTC',
      },
    })
  const statements = open(poolSize.statements)
  const transactions = open(poolSize.transactions)
  const db = drizzle({ client: prepareStatements(statements) })
  const inner = drizzle({ client: prepareStatements(transactions) })
  const counted = countTransactions(inner.transaction.bind(inner), options.onTransaction)
  return {
    sql: statements,
    db: Object.assign(db, { transaction: counted.run }),
    pool: { size: poolSize.transactions, inUse: counted.inUse },
    close: async () =>
      void (await Promise.all([statements.end({ timeout: 2 }), transactions.end({ timeout: 2 })])),
  }
}

function countTransactions(
  begin: Database['transaction'],
  onEnd: ConnectOptions['onTransaction'],
): { readonly run: Database['transaction']; readonly inUse: () => number } {
  let inUse = 0
  const run: Database['transaction'] = async (...parameters) => {
    const since = performance.now()
    const end = (outcome: 'committed' | 'rolled_back'): void =>
      onEnd?.(outcome, (performance.now() - since) / 1000)
    inUse++
    try {
      const result = await begin(...parameters)
      end('committed')
      return result
    } catch (error) {
      end('rolled_back')
      throw error
    } finally {
      inUse--
    }
  }
  return { run, inUse: () => inUse }
}

/** Resolves if the database answers. */
export async function ping(db: Queries): Promise<void> {
  await db.execute(sql`select 1`)
}
