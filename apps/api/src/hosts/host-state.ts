import type { hostStates } from '@gpulab/contract'
import { isSilent } from '../containers/view.ts'
import type { HostRow } from './store.ts'

export interface HostStateView {
  readonly state: (typeof hostStates)[number]
  /** Why, and what to do; null where that is plain. */
  readonly reason: string | null
}

type Known = Pick<HostRow, 'state' | 'lastSeenAt' | 'engineAvailable' | 'engineMessage'>

/** What an operator has wanted of one whose state is another just now. */
const wishOf = (state: HostRow['state']): string =>
  state === 'active' ? '' : ` An operator has made it ${state}: it takes no new containers when it is back.`

/** What operators see of a host: what they want of it, unless it is silent; and what keeps it from taking work. */
export function hostStateOf(host: Known, now: Date): HostStateView {
  const { state, lastSeenAt } = host
  if (state === 'fenced') {
    return {
      state,
      reason:
        'Declared dead. Once it is back and its containers have stopped, gpulab hosts uncordon makes it take work again.',
    }
  }
  if (lastSeenAt === null) {
    return {
      state: 'joined',
      reason: `It has joined, but its agent has not spoken yet: start gpulab-agent on it.${wishOf(state)}`,
    }
  }
  if (isSilent(lastSeenAt, now)) {
    return {
      state: 'unreachable',
      reason: `Not heard of since ${lastSeenAt.toISOString()}. Bring it back; or, if it is off for good, gpulab hosts fence frees its GPUs.${wishOf(state)}`,
    }
  }
  if (state === 'draining')
    return { state, reason: 'It takes no containers, and those that ran are stopped.' }
  if (state === 'cordoned') return { state, reason: 'It takes no new containers.' }
  if (host.engineAvailable) return { state, reason: null }
  return { state, reason: `Its Docker Engine does not answer: ${host.engineMessage ?? 'unknown why'}` }
}
