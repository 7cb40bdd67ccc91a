import type { TargetContainer } from '@gpulab/contract'
import type { ObservedContainer } from '../containers/labels.ts'

/** One change of the engine's state. Each is safe to repeat. */
export type Step =
  | { readonly do: 'remove'; readonly name: string; readonly generation: number }
  | { readonly do: 'create'; readonly container: TargetContainer }
  | { readonly do: 'start'; readonly container: TargetContainer }
  | { readonly do: 'restart'; readonly container: TargetContainer }
  | { readonly do: 'stop'; readonly name: string; readonly generation: number }

type Observed = Pick<ObservedContainer, 'name' | 'generation' | 'state' | 'startedAt'>

/** What is still to do for one container, in order. Nothing when the engine is as the target wants it. */
export function plan(wanted: TargetContainer, observed: readonly Observed[]): Step[] {
  if (wanted.desired === 'absent') return observed.map(toRemove)

  // This target is then an old one: the newer one is on its way.
  if (observed.some(({ generation }) => generation > wanted.generation)) return []
  const older = observed.filter(({ generation }) => generation < wanted.generation)
  const current = observed.find(({ generation }) => generation === wanted.generation)
  return [...older.map(toRemove), ...planCurrent(wanted, current)]
}

function planCurrent(wanted: TargetContainer, current: Observed | undefined): Step[] {
  if (wanted.desired === 'stopped') return current?.state === 'running' ? [toStop(current)] : []
  if (!current) {
    return [
      { do: 'create', container: wanted },
      { do: 'start', container: wanted },
    ]
  }
  if (current.state === 'created') return [{ do: 'start', container: wanted }]
  // Any other run than the one to follow is the wish fulfilled, even if it has ended since.
  if (current.startedAt !== wanted.start_after) return []
  return [{ do: current.state === 'running' ? 'restart' : 'start', container: wanted }]
}

const toRemove = ({ name, generation }: Observed): Step => ({ do: 'remove', name, generation })
const toStop = ({ name, generation }: Observed): Step => ({ do: 'stop', name, generation })
