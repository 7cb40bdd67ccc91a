import type { Operation, Plan } from './plan.ts'

/** The plan with these of its operations only, by their places. */
export const keepOperations = (plan: Plan, kept: readonly number[]): Plan => ({
  ...plan,
  operations: kept.flatMap((index): readonly Operation[] => plan.operations.slice(index, index + 1)),
})

/**
 * The places of as few operations as still fail, found by leaving out ever smaller parts (delta debugging, Zeller 1999),
 * in so many tries at most.
 */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  triesMax = 150,
): Promise<readonly number[]> {
  let kept = plan.operations.map((_, index) => index)
  let tries = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < kept.length && tries < triesMax;) {
      const fewer = kept.toSpliced(start, size)
      tries++
      if (await fails(keepOperations(plan, fewer))) kept = fewer
      else start += size
    }
  }
  return kept
}
