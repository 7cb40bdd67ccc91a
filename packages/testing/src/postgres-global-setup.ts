import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startPostgres } from '@gpulab/embedded-postgres'

import { dropDatabasesOfRun, runVariable, urlVariable } from './postgres-run.ts'

/**
 * Gives a vitest run one PostgreSQL: the one of GPULAB_TEST_DATABASE_URL (as a user that may create databases), or a
 * server of its own in a temporary directory. Test processes learn of it through their environment.
 */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env[urlVariable]
  const run = randomBytes(4).toString('hex')
  process.env[runVariable] = run
  if (given !== undefined && given !== '') return () => dropDatabasesOfRun(given, run)
  const dataDir = await mkdtemp(join(tmpdir(), 'gpulab-test-postgres-'))
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true })
  try {
    const server = await startPostgres({ dataDir, durable: false })
    process.env[urlVariable] = server.url
    return async () => {
      delete process.env[urlVariable]
      await server.stop()
      await remove()
    }
  } catch (error) {
    await remove()
    throw error
  }
}
