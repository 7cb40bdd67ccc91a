import { expect, it } from 'vitest'
import { mutations } from './src/mutations.ts'
import { createPlan } from './src/plan.ts'
import { runPlan } from './src/run-seed.ts'

const seedsMax = 250

it.each(mutations)(
  'somebody notices when $name',
  { timeout: 300_000 },
  async ({ breaks, options, first }) => {
    const isNoticed = async (seed: number): Promise<boolean> => {
      const { violations } = await runPlan(createPlan(seed), options)
      return violations.some(({ rule }) => breaks.includes(rule))
    }
    let seed = first
    while (seed < first + seedsMax && !(await isNoticed(seed))) seed++
    expect(seed).toBeLessThan(first + seedsMax)
  },
)
