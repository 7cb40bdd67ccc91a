import postgres from 'postgres'

export const urlVariable = 'GPULAB_TEST_DATABASE_URL'
export const runVariable = 'GPULAB_TEST_RUN'

/** The server and the name of this vitest run, as postgres-global-setup.ts left them. */
export function currentRun(): { url: string; run: string } {
  const url = process.env[urlVariable]
  const run = process.env[runVariable]
  if (url && run) return { url, run }
  throw new Error(
    'No test database: name the file *.db.test.ts, so that vitest runs it in a project that starts one.',
  )
}

export const databasePrefix = (run: string): string => `gpulab_test_${run}_`

/** One connection to the server's own database, for creating and dropping others. */
export const connectAdmin = (url: string): postgres.Sql =>
  postgres(url, { max: 1, onnotice: () => undefined })

/** Removes what a run left on a server that outlives it. */
export async function dropDatabasesOfRun(url: string, run: string): Promise<void> {
  const sql = connectAdmin(url)
  try {
    const rows = await sql<{ datname: string }[]>`
      select datname from pg_database where starts_with(datname, ${databasePrefix(run)})`
    for (const { datname } of rows) await dropDatabase(sql, datname)
  } finally {
    await sql.end()
  }
}

export async function dropDatabase(sql: postgres.Sql, name: string): Promise<void> {
  await sql`drop database if exists ${sql(name)} with (force)`
}
