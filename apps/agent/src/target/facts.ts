import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import type { ObservedContainer } from '../containers/labels.ts'
import type { ExitFailure } from '../containers/exit-failures.ts'
import type { Failures } from './failures.ts'
import { countBefore, type Restarts } from './restarts.ts'

interface FactsInput {
  readonly observed: readonly ObservedContainer[]
  readonly wanted: readonly TargetContainer[]
  readonly isBusy: (uuid: string) => boolean
  readonly failures: Pick<Failures, 'find'>
  readonly restarts: Pick<Restarts, 'find'>
  /** By the engine's id: why a container ended without having run its command. */
  readonly exitFailures: ReadonlyMap<string, ExitFailure>
}

/** One row for each generation that is there, is being worked on, could not be made, or has an older one in its place. */
export function toFacts(input: FactsInput): ContainerFacts[] {
  const { observed, wanted, isBusy, failures, restarts, exitFailures } = input
  const failureOf = new Map(
    wanted.flatMap((wish) => {
      const failure = failures.find(wish)
      return failure ? [[keyOf(wish), failure] as const] : []
    }),
  )
  const wishes = new Map(wanted.map((wish) => [keyOf(wish), wish]))
  const exitFailureOf = (container: ObservedContainer): ContainerFacts['failure'] => {
    const failure = exitFailures.get(container.id)
    const wish = wishes.get(keyOf(container))
    // The run that a new one shall follow belongs to an earlier attempt.
    if (!failure || !wish || container.startedAt === wish.start_after) return null
    return { attempt: wish.attempt, ...failure }
  }
  const restartsOf = (container: ObservedContainer): number => {
    const wish = wishes.get(keyOf(container))
    return wish ? countBefore(container, restarts.find(wish)) : 0
  }
  const newest = new Map<string, number>()
  for (const { uuid, generation } of observed) {
    newest.set(uuid, Math.max(generation, newest.get(uuid) ?? generation))
  }
  const isMissing = (wish: TargetContainer): boolean =>
    isBusy(wish.uuid) ||
    (newest.get(wish.uuid) ?? Infinity) < wish.generation ||
    (wish.desired !== 'absent' && failureOf.has(keyOf(wish)))
  const present = new Set(observed.map(keyOf))
  return [
    // The newest generation last: it is the one that counts where only one is looked at.
    ...observed
      .toSorted((a, b) => a.generation - b.generation)
      .map((container) => ({
        uuid: container.uuid,
        generation: container.generation,
        state: container.state,
        busy: isBusy(container.uuid),
        started_at: container.startedAt,
        finished_at: container.finishedAt,
        exit_code: container.exitCode,
        oom_killed: container.oomKilled,
        restarts: restartsOf(container),
        gpu_uuids: [...container.gpuUuids],
        failure: failureOf.get(keyOf(container)) ?? exitFailureOf(container),
      })),
    ...wanted
      .filter((wish) => !present.has(keyOf(wish)) && isMissing(wish))
      .map((wish) =>
        toMissing(wish, isBusy(wish.uuid), restarts.find(wish).count, failureOf.get(keyOf(wish)) ?? null),
      ),
  ]
}

function toMissing(
  { uuid, generation, desired, gpu_uuids }: TargetContainer,
  busy: boolean,
  restarts: number,
  failure: ContainerFacts['failure'],
): ContainerFacts {
  return {
    uuid,
    generation,
    // While a step is under way nothing is certain, least of all that it is gone.
    state: !busy ? 'absent' : desired === 'running' ? 'pulling' : 'exited',
    busy,
    started_at: null,
    finished_at: null,
    exit_code: null,
    oom_killed: false,
    restarts,
    gpu_uuids: [...gpu_uuids],
    failure,
  }
}

const keyOf = ({ uuid, generation }: { uuid: string; generation: number }): string => `${uuid} ${generation}`
