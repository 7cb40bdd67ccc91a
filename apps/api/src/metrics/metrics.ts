import type { RequestObserver } from '@gpulab/http'
import {
  Counter,
  createMetrics as createRegistry,
  durationBuckets,
  Histogram,
  observeRequests,
  type Registry,
} from '@gpulab/monitoring'
import { version } from '../version.ts'

/** What the parts of this process tell of themselves. No label ever holds what users chose: series stay few. */
export interface Metrics {
  readonly registry: Registry
  readonly requests: RequestObserver
  /** A container was looked a place for. */
  placed(outcome: 'placed' | 'no_room' | 'failed', seconds: number): void
  swept(outcome: 'ok' | 'failed', seconds: number): void
  transacted(outcome: 'committed' | 'rolled_back', seconds: number): void
  uplinkOpened(): void
}

export function createMetrics(): Metrics {
  const registry = createRegistry({ component: 'api', version })
  const registers = [registry]
  const duration = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ['outcome'], buckets: durationBuckets, registers })
  const placements = duration(
    'gpulab_placement_duration_seconds',
    'Searches for a place for a container: placed, or no_room (it then waits in line or is refused).',
  )
  const sweeps = duration('gpulab_sweep_duration_seconds', 'Rounds of what time alone brings about.')
  const transactions = duration(
    'gpulab_db_transaction_duration_seconds',
    'Transactions, the wait for a connection and for locks included.',
  )
  const uplinks = new Counter({
    name: 'gpulab_uplinks_opened_total',
    help: 'Uplinks that hosts have dialled: many for few hosts means that they do not last.',
    registers,
  })
  return {
    registry,
    requests: observeRequests(registry),
    placed: (outcome, seconds) => placements.observe({ outcome }, seconds),
    swept: (outcome, seconds) => sweeps.observe({ outcome }, seconds),
    transacted: (outcome, seconds) => transactions.observe({ outcome }, seconds),
    uplinkOpened: () => uplinks.inc(),
  }
}
