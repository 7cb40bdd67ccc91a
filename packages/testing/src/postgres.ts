import { randomBytes } from 'node:crypto'

import type postgres from 'postgres'

import { connectAdmin, currentRun, databasePrefix, dropDatabase } from './postgres-run.ts'

export interface TestDatabaseOptions {
  /** Names the migrated state; databases of the same name share one template. */
  readonly template?: string
  /** Brings an empty database to that state, and closes its connections: a template in use cannot be cloned. */
  readonly migrate: (url: string) => Promise<void>
}

export interface TestDatabase {
  readonly url: string
  /** Cuts the sessions that are left and drops the database. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A database of the caller's own in a migrated state: the first call of a run migrates, every call clones. */
export async function createTestDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const { url, run } = currentRun()
  const template = `${databasePrefix(run)}template_${options.template ?? 'default'}`
  const name = `${databasePrefix(run)}${randomBytes(6).toString('hex')}`
  const sql = connectAdmin(url)
  try {
    await ensureTemplate(sql, { url, template, migrate: options.migrate })
    await sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`
  } finally {
    await sql.end()
  }
  return { url: toDatabase(url, name), [Symbol.asyncDispose]: () => dropFrom(url, name) }
}

interface Template {
  readonly url: string
  readonly template: string
  readonly migrate: (url: string) => Promise<void>
}

/** Makes the template once, however many test files ask at the same time; a failed migration leaves none. */
async function ensureTemplate(sql: postgres.Sql, { url, template, migrate }: Template): Promise<void> {
  await sql`select pg_advisory_lock(hashtextextended(${template}, 0))`
  const [existing] = await sql`select 1 from pg_database where datname = ${template}`
  if (!existing) {
    const unfinished = `${template}_new`
    await dropDatabase(sql, unfinished)
    await sql`create database ${sql(unfinished)} template template0 strategy file_copy`
    await migrate(toDatabase(url, unfinished))
    await sql`alter database ${sql(unfinished)} rename to ${sql(template)}`
  }
  await sql`select pg_advisory_unlock(hashtextextended(${template}, 0))`
}

function toDatabase(url: string, name: string): string {
  const target = new URL(url)
  target.pathname = `/${name}`
  return target.href
}

async function dropFrom(url: string, name: string): Promise<void> {
  const sql = connectAdmin(url)
  try {
    await dropDatabase(sql, name)
  } finally {
    await sql.end()
  }
}
