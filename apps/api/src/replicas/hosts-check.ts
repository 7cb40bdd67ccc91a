import type { Deps } from '../deps.ts'
import { aliveSince } from '../leases/service.ts'
import { announceMs } from './keep-announced.ts'
import { countHostsSince, hasOtherReplicaSince } from './store.ts'

/** After which it serves without the hosts that have not dialled: they may not be able to. */
const patienceMs = 30_000

type Parts = Pick<Deps, 'config' | 'db' | 'clock' | 'uplinks'>

/**
 * Fails after the start until all hosts have dialled this replica: as long as another one reaches them, requests had
 * better go there. Once it has passed it always does.
 */
export function createHostsCheck(deps: Parts, now = () => performance.now()): () => Promise<void> {
  const startedAt = now()
  let hasPassed = false
  return async () => {
    hasPassed ||= now() - startedAt > patienceMs || (await isReached(deps)) || !(await isCovered(deps))
    if (!hasPassed) throw new Error('Hosts have not dialled yet.')
  }
}

const isReached = async ({ db, clock, uplinks }: Parts): Promise<boolean> =>
  uplinks.count() >= (await countHostsSince(db, aliveSince(clock.now())))

async function isCovered({ config, db, clock }: Parts): Promise<boolean> {
  const since = new Date(clock.now().getTime() - 1.5 * announceMs)
  return hasOtherReplicaSince(db, config.uplinkUrl ?? '', since)
}
