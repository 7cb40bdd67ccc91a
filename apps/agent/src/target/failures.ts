import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import type { StepFailure } from '../containers/failure.ts'

type Failure = NonNullable<ContainerFacts['failure']>
type Wish = Pick<TargetContainer, 'uuid' | 'generation' | 'start_after' | 'desired'>

export interface Failures {
  add(wish: Wish, failure: StepFailure): void
  /** The failure of this very wish: one for a new generation or a new start gets a new chance. */
  find(wish: Wish): Failure | undefined
  /** Forgets what is no longer wished for. */
  keep(wishes: readonly Wish[]): void
}

const messageMaxCharacters = 2000

/** What could not be made to run, kept for the reports until the control plane has taken the wish back. */
export function createFailures(): Failures {
  const failures = new Map<string, { wish: Wish; failure: Failure }>()
  const same = (a: Wish, b: Wish): boolean =>
    a.generation === b.generation && a.start_after === b.start_after && b.desired === 'running'
  return {
    add: (wish, { code, message }) =>
      void failures.set(wish.uuid, {
        wish,
        failure: { code, message: message.slice(0, messageMaxCharacters) },
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
