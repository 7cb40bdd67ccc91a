import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import type { ObservedContainer } from '../containers/labels.ts'
import type { ExitFailure } from '../containers/exit-failures.ts'
import type { Failures } from './failures.ts'

interface FactsInput {
  readonly observed: readonly ObservedContainer[]
  readonly wanted: readonly TargetContainer[]
  readonly isBusy: (uuid: string) => boolean
  readonly failures: Pick<Failures, 'find'>
  /** By the engine's id: why a container ended without having run its command. */
  readonly exitFailures: ReadonlyMap<string, ExitFailure>
}

/** One row for each container that is there, is being worked on or could not be made. */
export function toFacts({ observed, wanted, isBusy, failures, exitFailures }: FactsInput): ContainerFacts[] {
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
  const isMissing = (wish: TargetContainer): boolean =>
    isBusy(wish.uuid) || (wish.desired !== 'absent' && failureOf.has(keyOf(wish)))
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
        gpu_uuids: [...container.gpuUuids],
        failure: failureOf.get(keyOf(container)) ?? exitFailureOf(container),
      })),
    ...wanted
      .filter((wish) => !present.has(keyOf(wish)) && isMissing(wish))
      .map((wish) => toMissing(wish, isBusy(wish.uuid), failureOf.get(keyOf(wish)) ?? null)),
  ]
}

function toMissing(
  { uuid, generation, desired, gpu_uuids }: TargetContainer,
  busy: boolean,
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
    gpu_uuids: [...gpu_uuids],
    failure,
  }
}

const keyOf = ({ uuid, generation }: { uuid: string; generation: number }): string => `${uuid} ${generation}`
