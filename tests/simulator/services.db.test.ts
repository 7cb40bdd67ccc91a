import { createTestDatabase } from '@gpulab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Connection } from '../../apps/api/src/db/connect.ts'
import { migrateDatabase } from '../../apps/api/src/db/migrate.ts'
import { createPlan } from './src/plan.ts'
import { runPlan } from './src/run-seed.ts'
import { createServices } from './src/services/create-services.ts'
import { summarize } from './src/summary.ts'

const stack = new AsyncDisposableStack()
let database: Connection

beforeAll(async () => {
  const { url } = stack.use(await createTestDatabase({ migrate: migrateDatabase }))
  database = connect(url)
  stack.defer(() => database.close())
})
afterAll(() => stack.disposeAsync())

/** Without requests that come between the statements of others: then there is one right outcome. */
const size = { activeMs: 80_000, requests: 30, faults: 8, sweepMs: 5000, isConcurrent: false }

it.each(
  Array.from({ length: Number(process.env['SIMULATOR_SERVICE_SEEDS'] ?? 24) }, (_, index) => index + 1),
)('the services and the model do the same in the world of seed %i', { timeout: 120_000 }, async (seed) => {
  const plan = createPlan(seed, size)
  const real = await runPlan(plan, {
    createControlPlane: (options) => createServices(database, options),
    // The model is judged all the while.
    judges: { always: undefined },
  })
  const model = await runPlan(plan)
  expect(real.violations).toEqual([])
  expect(summarize(real.history)).toEqual(summarize(model.history))
})
