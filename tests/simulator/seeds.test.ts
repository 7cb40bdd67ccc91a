import { expect, it } from 'vitest'
import { runSeeds } from './src/run-seeds.ts'

const count = 500

it(`no promise is broken in ${count} worlds`, { timeout: 600_000 }, async () => {
  expect(await runSeeds({ from: 1, count })).toEqual([])
})
