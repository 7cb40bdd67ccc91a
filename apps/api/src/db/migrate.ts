import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { settleRestored } from './settle-restored.ts'

/** Any number that nothing else in the database locks on. */
const lockKey = 7_164_022
const minimumVersion = 150_000

/** Beside the sources in a checkout, beside the bundle in a release. */
const migrationsFolder = [
  new URL('../../migrations', import.meta.url),
  new URL('./migrations', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path))

/** Brings the schema up to date; replicas that start together wait for one another. */
export async function migrateDatabase(url: string): Promise<void> {
  if (!migrationsFolder) throw new Error('The migrations are missing from this installation')
  // One connection, since the lock belongs to it.
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {} })
  try {
    const [row] = await sql<
      { version: number }[]
    >`select current_setting('server_version_num')::int as version`
    if ((row?.version ?? 0) < minimumVersion)
      throw new Error(`PostgreSQL 15 or newer is needed, this is ${row?.version}`)
    await sql`select pg_advisory_lock(${lockKey})`
    await migrate(drizzle({ client: sql }), { migrationsFolder })
    await settleRestored(sql)
  } finally {
    await sql.end({ timeout: 2 })
  }
}
