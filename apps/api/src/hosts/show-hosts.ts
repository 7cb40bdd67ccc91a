import { GpulabError, type Host, type HostEvent, type HostSummary } from '@gpulab/contract'
import { listContainersOfHost } from '../containers/store.ts'
import { shownStatus } from '../containers/view.ts'
import type { Queries } from '../db/connect.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { hostStateOf } from './host-state.ts'
import { listHostEvents } from './events/store.ts'
import { findHost, type HostRow, listGpusOfHost, listHosts, listTeamNames } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

export async function getHost(db: Queries, uuid: string): Promise<HostRow> {
  const host = await findHost(db, uuid)
  if (host) return host
  throw new GpulabError('host_not_found', {
    message: `There is no host ${uuid}.`,
    hint: 'gpulab hosts ls shows them.',
  })
}

export async function pageHosts(
  { db, clock }: Parts,
  { name, cursor, limit }: { name: string | undefined; cursor: string | undefined; limit: number },
): Promise<{ items: HostSummary[]; next_cursor: string | null }> {
  const rows = await listHosts(db, { name, after: cursor, limit: limit + 1 })
  const page = toPage(rows, limit, ({ host }) => host.name)
  const now = clock.now()
  return {
    ...page,
    items: page.items.map(({ host, gpusTotal, gpusFree, gpuTypes, gpuCounts, simulated, containers }) => ({
      ...toCommon(host, now),
      gpus_total: gpusTotal,
      gpus_free: gpusFree,
      gpu_types: gpuTypes,
      gpu_counts: gpuCounts,
      simulated,
      containers_count: containers,
      problems: host.checks.filter(({ level }) => level !== 'ok').length,
    })),
  }
}

export async function showHost({ db, clock }: Parts, uuid: string): Promise<Host> {
  const host = await getHost(db, uuid)
  const [records, gpus] = await Promise.all([listContainersOfHost(db, uuid), listGpusOfHost(db, uuid)])
  const teams = await listTeamNames(db, [...new Set(records.map(({ row }) => row.teamUuid))])
  const now = clock.now()
  return {
    ...toCommon(host, now),
    gpus: gpus.map(({ gpu, container }) => ({
      uuid: gpu.uuid,
      index: gpu.index,
      name: gpu.name,
      memory_bytes: gpu.memoryBytes,
      simulated: gpu.simulated,
      present: gpu.present,
      container,
    })),
    containers: records.map((record) => ({
      uuid: record.row.uuid,
      name: record.row.name,
      team: teams.get(record.row.teamUuid) ?? record.row.teamUuid,
      status: shownStatus(record, now).status,
      gpus: record.gpus.length,
      at_rest: !record.row.holds,
    })),
    checks: host.checks,
    foreign_containers: host.foreignContainers.map(({ uuid, state }) => ({ uuid, state })),
  }
}

/** Looks again this often even if no signal came: that a host falls silent, nothing tells. */
const watchMs = 10_000

/** The host each time that somebody who waits for it to be empty might see something new. */
export async function watchHost(
  deps: Parts & Pick<Deps, 'signals'>,
  uuid: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Host>> {
  await getHost(deps.db, uuid)
  return (async function* () {
    using listener = deps.signals.listen('gpulab_event', uuid)
    while (!signal.aborted) {
      if (!(await findHost(deps.db, uuid))) return
      yield await showHost(deps, uuid)
      await listener.wait(watchMs, signal)
    }
  })()
}

const eventsMax = 100

export async function showHostEvents({ db }: Parts, uuid: string): Promise<{ items: HostEvent[] }> {
  await getHost(db, uuid)
  const events = await listHostEvents(db, uuid, eventsMax)
  return { items: events.map((event) => ({ ...event, at: event.at.toISOString() })) }
}

function toCommon(host: HostRow, now: Date) {
  const { state, reason } = hostStateOf(host, now)
  return {
    uuid: host.uuid,
    name: host.name,
    state,
    state_reason: reason,
    since: state === host.state ? host.stateSince.toISOString() : null,
    last_seen_at: host.lastSeenAt?.toISOString() ?? null,
    agent_version: host.agentVersion,
    engine: { available: host.engineAvailable, version: host.engineVersion, message: host.engineMessage },
    cpus: host.cpus,
    cpus_requested: host.requestedCpus,
    memory_bytes: host.memoryBytes,
    memory_requested_bytes: host.requestedMemoryBytes,
    disk_bytes: host.diskBytes,
    disk_requested_bytes: host.requestedDiskBytes,
  }
}
