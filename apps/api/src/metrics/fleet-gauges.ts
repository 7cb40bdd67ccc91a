import { Gauge, once, type Registry, within } from '@gpulab/monitoring'
import { statuses } from '@gpulab/contract'
import type { Pool } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { aliveSince } from '../leases/service.ts'
import { type Fleet, readFleet } from './store.ts'

/** Replicas and impatient scrapers must not be a load of their own. */
const maxAgeMs = 5000
/** Less than a scrape may take: without the database there are still this process's own figures. */
const readMs = 4000
const hostStates = ['joined', 'active', 'cordoned', 'draining', 'fenced', 'unreachable', 'engine_down']

/**
 * Gauges that are read when somebody asks: of the fleet from the database, so that every replica gives the same (take
 * the maximum, not the sum), and of this process.
 */
export function registerFleetGauges(
  registry: Registry,
  { db, clock, uplinks }: Pick<Deps, 'db' | 'clock' | 'uplinks'>,
  pool: Pool,
): void {
  const read = once(() => {
    const now = clock.now()
    return readFleet(db, { now, seenAfter: aliveSince(now) })
  }, maxAgeMs)
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    fill: (gauge: Gauge<L>, fleet: Fleet) => void,
  ): Gauge<L> =>
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      async collect() {
        this.reset()
        const fleet = await within(read(), readMs)
        if (fleet) fill(this, fleet)
        // What is not known is left out; a number of before would look true.
        else this.remove()
      },
    })

  gauge('gpulab_containers', 'Containers by their status.', ['state'], (own, { containers }) => {
    for (const state of [...statuses, ...Object.keys(containers)]) own.set({ state }, containers[state] ?? 0)
  })
  gauge('gpulab_hosts', 'Hosts by their state.', ['state'], (own, { hosts }) => {
    for (const state of [...hostStates, ...Object.keys(hosts)]) own.set({ state }, hosts[state] ?? 0)
  })
  gauge('gpulab_gpus', 'GPUs by type, free or not.', ['type', 'state'], (own, { gpus }) => {
    for (const { type, total, free } of gpus) {
      own.set({ type, state: 'free' }, free)
      own.set({ type, state: 'taken' }, total - free)
    }
  })
  gauge('gpulab_gpu_leases', 'GPUs that are leased.', [], (own, { leases }) => own.set(leases))
  gauge('gpulab_queue_length', 'Containers that wait for room.', [], (own, { queued }) => own.set(queued))
  gauge('gpulab_queue_oldest_seconds', 'For how long the first of them has waited.', [], (own, fleet) =>
    own.set(fleet.queuedSeconds),
  )
  gauge(
    'gpulab_db_connections',
    'Connections of all replicas to PostgreSQL, by what they do.',
    ['state'],
    (own, { connections }) => {
      for (const [state, number] of Object.entries(connections)) own.set({ state }, number)
    },
  )
  const local = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  local('gpulab_uplinks', 'Hosts that have dialled this process.', () => uplinks.count())
  local('gpulab_db_pool_size', 'Transactions that this process can have at a time.', () => pool.size)
  local(
    'gpulab_db_pool_in_use',
    'Transactions that are under way or wait for a connection: above the size, some wait.',
    () => pool.inUse(),
  )
}
