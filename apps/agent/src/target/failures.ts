import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import type { StepFailure } from '../containers/failure.ts'
import { toPlainText } from '../plain-text.ts'

type Failure = NonNullable<ContainerFacts['failure']>
type Wish = Pick<TargetContainer, 'uuid' | 'generation' | 'attempt'>

export interface Failures {
  add(wish: Wish, failure: StepFailure): void
  /** The failure of this very attempt: only a newer one is a new chance. */
  find(wish: Wish): Failure | undefined
  /** Forgets attempts that are no longer in the target. */
  keep(wishes: readonly Wish[]): void
}

/**
 * Why attempts failed. Each is kept as long as the target has that attempt, whatever else it wishes meanwhile: a
 * failure that was forgotten earlier would be an attempt that never fails.
 */
export function createFailures(): Failures {
  const failures = new Map<string, { wish: Wish; failure: Failure }>()
  const same = (a: Wish, b: Wish): boolean => a.generation === b.generation && a.attempt === b.attempt
  return {
    add: (wish, { code, message }) =>
      void failures.set(wish.uuid, {
        wish,
        failure: { attempt: wish.attempt, code, message: toPlainText(message) },
      }),
    find: (wish) => {
      const entry = failures.get(wish.uuid)
      return entry && same(entry.wish, wish) ? entry.failure : undefined
    },
    keep: (wishes) => {
      const wanted = new Map(wishes.map((wish) => [wish.uuid, wish]))
      for (const [uuid, { wish }] of failures) {
        const now = wanted.get(uuid)
        if (!now || !same(wish, now)) failures.delete(uuid)
      }
    },
  }
}
