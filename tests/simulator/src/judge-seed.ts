import { describeFailure } from './describe.ts'
import { createPlan, type PlanSize } from './plan.ts'
import { runPlan, type RunOptions } from './run-seed.ts'
import { shrink } from './shrink.ts'

/** Undefined for a seed that breaks nothing; else what it breaks, and by how little. */
export async function judgeSeed(
  seed: number,
  { size, ...options }: RunOptions & { readonly size?: PlanSize } = {},
): Promise<string | undefined> {
  const plan = createPlan(seed, size)
  const { violations } = await runPlan(plan, options)
  const [first] = violations
  if (!first) return undefined
  const kept = await shrink(plan, async (smaller) => {
    const found = await runPlan(smaller, options)
    return found.violations.some(({ rule }) => rule === first.rule)
  })
  return describeFailure(plan, violations, kept)
}
