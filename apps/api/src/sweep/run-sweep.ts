import { setTimeout as wait } from 'node:timers/promises'
import { placeWaiting } from '../containers/serve-line.ts'
import type { Deps } from '../deps.ts'
import { deleteHostEventsBefore } from '../hosts/events/store.ts'
import { deleteFullBuckets } from '../limits/store.ts'
import { deleteKeysBefore } from '../idempotency/store.ts'
import { handOverVolumes } from './hand-over-volumes.ts'
import { settleAccounts } from './settle-accounts.ts'
import { deleteGatewaysBefore } from '../gateways/store.ts'
import { deleteReplicasBefore } from '../replicas/store.ts'
import { deleteTicketsBefore } from '../terminals/store.ts'
import { endOverdue } from './end-overdue.ts'
import { tellCutOff } from './tell-cut-off.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'log' | 'signals' | 'failPoint' | 'config' | 'metrics'>

/** Also the most by which a deadline is overrun. */
const intervalMs = 2000
/** So that a busy fleet, which makes room all the time, does not keep the sweep busy all the time. */
const restMs = 50
const keyLifeMs = 24 * 3600_000
const gatewayLifeMs = 3600_000
/** Beyond their own time, as clocks may differ. */
const ticketLifeMs = 3600_000
const hostEventLifeMs = 30 * 24 * 3600_000

/** Everything that time alone brings about, once. Replicas may do it at the same time: each step locks and looks. */
export async function sweep(deps: Parts): Promise<void> {
  const ago = (ms: number): Date => new Date(deps.clock.now().getTime() - ms)
  const steps = {
    'tell who is cut off': () => tellCutOff(deps),
    'end what is overdue': () => endOverdue(deps),
    'hand volumes over': () => handOverVolumes(deps),
    'settle accounts': () => settleAccounts(deps),
    'serve the line': () => placeWaiting(deps),
    'forget full buckets': () => deleteFullBuckets(deps.db, deps.clock.now()),
    'forget old keys': () => deleteKeysBefore(deps.db, ago(keyLifeMs)),
    'forget old gateways': () => deleteGatewaysBefore(deps.db, ago(gatewayLifeMs)),
    'forget old replicas': () => deleteReplicasBefore(deps.db, ago(gatewayLifeMs)),
    'forget used tickets': () => deleteTicketsBefore(deps.db, ago(ticketLifeMs)),
    'forget old events of hosts': () => deleteHostEventsBefore(deps.db, ago(hostEventLifeMs)),
  }
  const failures: unknown[] = []
  for (const [step, run] of Object.entries(steps)) {
    // Each by itself: what one meets must not keep the others from being done.
    await run().catch((cause: unknown) => failures.push(new Error(`Could not ${step}`, { cause })))
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Steps of the sweep failed')
}

/** Sweeps until the signal aborts; between sweeps it looks at the line alone, whenever there may be room for it. */
export async function runSweep(deps: Parts, signal: AbortSignal): Promise<void> {
  using listener = deps.signals.listen('gpulab_capacity', '')
  let sweptAt = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    const isDue = performance.now() - sweptAt >= intervalMs
    if (isDue) sweptAt = performance.now()
    // A database that is away is back at some later round.
    const since = performance.now()
    const tell = (outcome: 'ok' | 'failed'): void => {
      if (isDue) deps.metrics.swept(outcome, (performance.now() - since) / 1000)
    }
    await (isDue ? sweep(deps) : placeWaiting(deps)).then(
      () => tell('ok'),
      (error: unknown) => {
        tell('failed')
        if (!signal.aborted) deps.log.error({ err: error }, 'a sweep failed')
      },
    )
    await wait(restMs, undefined, { signal }).catch(() => {})
    await listener.wait(Math.max(sweptAt + intervalMs - performance.now(), 0), signal)
  }
}
