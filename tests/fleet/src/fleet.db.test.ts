import { createTestDatabase } from '@gpulab/testing'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readFleetOptions } from './options.ts'
import { runFleetBench } from './run-bench.ts'

const apiProgram = fileURLToPath(new URL('../../../apps/api/src/main.ts', import.meta.url))
const small = ['--hosts', '20', '--containers', '100', '--seconds', '1', '--clients', '4']

it('a small fleet fills up, survives a killed API, and its books balance', { timeout: 120_000 }, async () => {
  await using stack = new AsyncDisposableStack()
  // The API migrates it.
  const database = stack.use(await createTestDatabase({ template: 'empty', migrate: async () => {} }))
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-fleet-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o711)
  const options = readFleetOptions(small)
  if (!options) throw new Error('These are options')
  const figures = await runFleetBench(options, { dir, apiProgram, databaseUrl: database.url }, () => {})
  expect(figures.fill).toMatchObject({ deployed: 100, refusals: {}, reads: { failures: 0 } })
  expect(figures.audit).toMatchObject({
    doubleLeases: 0,
    doubleUses: 0,
    strayLeases: 0,
    wrongGpuCounts: 0,
    wrongRequests: 0,
  })
  expect(figures.audit.runningOnHosts).toBe(figures.audit.runningInDatabase)
})
