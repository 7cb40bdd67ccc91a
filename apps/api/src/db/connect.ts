import { sql } from 'drizzle-orm'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { prepareStatements } from './prepare-statements.ts'

export type Sql = postgres.Sql
export type Database = PostgresJsDatabase
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
/** For queries that run inside a transaction or outside of one. */
export type Queries = Database | Transaction

export interface Connection {
  readonly db: Database
  readonly sql: Sql
  close(): Promise<void>
}

const statementTimeoutMs = 15_000
/** Longer than any statement may take: whoever has not answered by then is gone, though nobody says so. */
const answerMs = 20_000

/** A pool of connections. Queries fail at once while the server is away, and work again when it is back. */
export function connect(url: string, limits: { answerMs: number } = { answerMs }): Connection {
  const client = postgres(url, {
    max: 16,
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
  return {
    sql: client,
    db: drizzle({ client: prepareStatements(client) }),
    close: () => client.end({ timeout: 2 }),
  }
}

/** Resolves if the database answers. */
export async function ping(db: Queries): Promise<void> {
  await db.execute(sql`select 1`)
}
