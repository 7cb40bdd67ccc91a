import { GpulabError } from '@gpulab/contract'
import { toAnnouncement } from '../../../../apps/api/src/containers/announce.ts'
import { containersMax } from '../../../../apps/api/src/containers/decide-change.ts'
import type { PlacementRequest } from '../../../../apps/api/src/containers/placement.ts'
import type { StatusView } from '../../../../apps/api/src/containers/status.ts'
import type { ContainerRecord, ContainerRow, FactsRow } from '../../../../apps/api/src/containers/store.ts'
import { isSilent } from '../../../../apps/api/src/containers/view.ts'
import type { HostRow } from '../../../../apps/api/src/hosts/store.ts'
import type { Card } from '../../../../apps/api/src/leases/choose-cards.ts'
import type { Candidate } from '../../../../apps/api/src/containers/placement.ts'
import type { Decisions } from './decisions.ts'

export type Host = Omit<HostRow, 'publicKey' | 'joinedAt' | 'checks' | 'agentVersion'>
export interface Gpu {
  readonly uuid: string
  readonly hostUuid: string
  readonly index: number
  readonly name: string
  readonly memoryBytes: number
  readonly present: boolean
}
export interface Lease {
  readonly gpuUuid: string
  readonly containerUuid: string
  readonly generation: number
  readonly leasedAt: Date
  readonly releasedAt: Date | null
  readonly releasedBy: 'rest' | 'fence' | null
}
export interface Event {
  readonly containerUuid: string
  readonly at: Date
  readonly status: string
  readonly reason: string | null
}

/** The database of apps/api, as far as the lifecycle needs it. Rows are replaced, never changed. */
export interface Tables {
  hosts: Map<string, Host>
  gpus: Map<string, Gpu>
  leases: Lease[]
  containers: Map<string, ContainerRow>
  facts: Map<string, FactsRow>
  events: Event[]
  hostEvents: { hostUuid: string; at: Date; type: string }[]
  keys: Map<string, { fingerprint: string; resource: string | null; createdAt: Date }>
}

export const createTables = (): Tables => ({
  hosts: new Map(),
  gpus: new Map(),
  leases: [],
  containers: new Map(),
  facts: new Map(),
  events: [],
  hostEvents: [],
  keys: new Map(),
})

/** What the model's parts share. */
export interface Model {
  readonly tables: Tables
  readonly decide: Decisions
  now(): Date
  newUuid(): string
  /** Between two statements that no transaction holds together, others may come. */
  pause(): Promise<void>
}

/** All or nothing; nobody comes between. */
export function transact<T>({ tables }: Model, run: () => T): T {
  const { events, hostEvents } = tables
  const [eventsCount, hostEventsCount] = [events.length, hostEvents.length]
  const before = {
    hosts: new Map(tables.hosts),
    gpus: new Map(tables.gpus),
    leases: [...tables.leases],
    containers: new Map(tables.containers),
    facts: new Map(tables.facts),
    keys: new Map(tables.keys),
  }
  try {
    return run()
  } catch (error) {
    Object.assign(tables, before)
    events.length = eventsCount
    hostEvents.length = hostEventsCount
    throw error
  }
}

export function findRecord({ tables }: Model, uuid: string): ContainerRecord | undefined {
  const row = tables.containers.get(uuid)
  return row?.deletedAt === null ? toRecord(tables, row) : undefined
}

/** The newest first. */
export const listRecordsOfHost = ({ tables }: Model, hostUuid: string): ContainerRecord[] =>
  [...tables.containers.values()]
    .filter((row) => row.hostUuid === hostUuid && row.deletedAt === null)
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.uuid < b.uuid ? 1 : -1))
    .map((row) => toRecord(tables, row))

export function toRecord(tables: Tables, row: ContainerRow): ContainerRecord {
  const host = row.hostUuid === null ? undefined : tables.hosts.get(row.hostUuid)
  return {
    row,
    intent: row,
    facts: tables.facts.get(row.uuid),
    host,
    gpus:
      row.gpuCount > 0 && row.holds
        ? openLeases(tables)
            .filter(({ containerUuid }) => containerUuid === row.uuid)
            .map(({ gpuUuid }) => toLeasedGpu(tables, gpuUuid))
            .toSorted((a, b) => a.index - b.index)
        : [],
    simulated: false,
    env: undefined,
    position: undefined,
    volumes: [],
  }
}

const toLeasedGpu = ({ gpus }: Tables, uuid: string) => {
  const gpu = gpus.get(uuid) as Gpu
  return { uuid, name: gpu.name, memoryBytes: gpu.memoryBytes, simulated: false, index: gpu.index }
}

export const openLeases = ({ leases }: Tables): Lease[] =>
  leases.filter(({ releasedAt }) => releasedAt === null)

export function listFreeCards({ tables }: Model, hostUuid: string, gpuType?: string): Card[] {
  const taken = new Set(openLeases(tables).map(({ gpuUuid }) => gpuUuid))
  return [...tables.gpus.values()]
    .filter((gpu) => gpu.hostUuid === hostUuid && gpu.present && !taken.has(gpu.uuid))
    .filter((gpu) => gpuType === undefined || gpu.name === gpuType)
    .toSorted((a, b) => a.index - b.index)
}

export function listLastCards({ tables }: Model, containerUuid: string, generation: number): Card[] {
  const held = tables.leases.filter(
    (lease) => lease.containerUuid === containerUuid && lease.generation === generation,
  )
  return [...new Set(held.map(({ gpuUuid }) => gpuUuid))]
    .toSorted()
    .map((uuid) => tables.gpus.get(uuid) as Gpu)
}

/** The unique index on open leases is the last defence here too. */
export function insertLeases(
  { tables }: Model,
  gpuUuids: readonly string[],
  holder: Pick<Lease, 'containerUuid' | 'generation' | 'leasedAt'>,
): void {
  const taken = new Set(openLeases(tables).map(({ gpuUuid }) => gpuUuid))
  if (gpuUuids.some((uuid) => taken.has(uuid))) throw new GpulabError('no_capacity')
  for (const gpuUuid of gpuUuids) {
    tables.leases.push({ gpuUuid, ...holder, releasedAt: null, releasedBy: null })
  }
}

export function releaseLeases(
  model: Model,
  uuids: readonly string[],
  end: { releasedAt: Date; releasedBy: 'rest' | 'fence' },
): void {
  const { tables } = model
  const ended = new Set(uuids)
  tables.leases = tables.leases.map((lease) =>
    lease.releasedAt === null && ended.has(lease.containerUuid) ? { ...lease, ...end } : lease,
  )
  for (const uuid of uuids) updateContainer(model, uuid, { holds: false })
}

export function updateContainer({ tables }: Model, uuid: string, changes: Partial<ContainerRow>): void {
  const row = tables.containers.get(uuid)
  if (row) tables.containers.set(uuid, { ...row, ...changes })
}

export function updateHost({ tables }: Model, uuid: string, changes: Partial<Host>): void {
  const row = tables.hosts.get(uuid)
  if (row) tables.hosts.set(uuid, { ...row, ...changes })
}

export function bumpTarget(model: Model, uuid: string): number {
  const version = getHost(model, uuid).targetVersion + 1
  updateHost(model, uuid, { targetVersion: version })
  return version
}

/** With what is promised of it, which the services count in columns. */
export function getHost({ tables }: Model, uuid: string): Host {
  const host = tables.hosts.get(uuid)
  if (!host) throw new GpulabError('host_not_found')
  const rows = [...tables.containers.values()].filter(
    (row) => row.hostUuid === uuid && row.deletedAt === null,
  )
  const holding = rows.filter(({ holds }) => holds)
  return {
    ...host,
    requestedMemoryBytes: sum(holding.map(({ memoryBytes }) => memoryBytes)),
    requestedCpus: sum(holding.map(({ cpus }) => cpus ?? 0)),
    requestedDiskBytes: sum(rows.map(({ diskBytes }) => diskBytes)),
    containersCount: rows.length,
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export const isOpen = (host: Host, now: Date): boolean =>
  host.state === 'active' &&
  host.removedAt === null &&
  host.engineAvailable &&
  !isSilent(host.lastSeenAt, now)

/** All hosts that take work. */
export function listCandidates(
  model: Model,
  { image }: Pick<PlacementRequest, 'image'>,
  now: Date,
): Candidate[] {
  const { tables } = model
  return [...tables.hosts.keys()]
    .map((uuid) => getHost(model, uuid))
    .filter((host) => isOpen(host, now))
    .map((host) => ({
      hostUuid: host.uuid,
      hostName: host.name,
      freeGpus: countBy(listFreeCards(model, host.uuid)),
      freeMemoryBytes: host.memoryBytes - host.requestedMemoryBytes,
      freeCpus: host.cpus - host.requestedCpus,
      freeDiskBytes: toDisk(host) - host.requestedDiskBytes,
      freeSlots: containersMax - host.containersCount,
      hasImage: host.images.includes(image),
      volumeDrivers: ['local'],
    }))
}

/** What each host could be given if nothing were promised of it. */
export const listCapacities = ({ tables }: Model): Candidate[] =>
  [...tables.hosts.values()]
    .filter(({ state }) => state !== 'fenced')
    .map((host) => ({
      hostUuid: host.uuid,
      hostName: host.name,
      freeGpus: countBy(listCards(tables, host.uuid)),
      freeMemoryBytes: host.memoryBytes,
      freeCpus: host.cpus,
      freeDiskBytes: toDisk(host),
      freeSlots: containersMax,
      hasImage: false,
      volumeDrivers: ['local'],
    }))

export const listCards = ({ gpus }: Tables, hostUuid: string): Card[] =>
  [...gpus.values()].filter((gpu) => gpu.hostUuid === hostUuid && gpu.present)

const toDisk = ({ diskBytes }: Host): number => (diskBytes === 0 ? Number.MAX_SAFE_INTEGER : diskBytes)

const countBy = (cards: readonly Card[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(cards, ({ name }) => name)].map(([name, { length }]) => [name, length]))

/** Tells users of a status, and by when a passing one has to end. */
export function announce(
  model: Model,
  record: Pick<ContainerRecord, 'row' | 'host'>,
  view: StatusView | { readonly status: 'deleted'; readonly reason: null },
  now: Date,
  deadlineAt?: Date | null,
): void {
  const { uuid } = record.row
  const { status, reason } = view
  const deadline = view.status === 'deleted' ? null : toAnnouncement(record, view, now).deadlineAt
  updateContainer(model, uuid, {
    announcedStatus: status,
    announcedReason: reason?.code ?? null,
    announcedAt: now,
    deadlineAt: deadlineAt === undefined ? deadline : deadlineAt,
  })
  model.tables.events.push({ containerUuid: uuid, at: now, status, reason: reason?.code ?? null })
}

/** As containers/write-intent.ts. */
export function writeIntent(
  model: Model,
  { row }: ContainerRecord,
  change: Partial<ContainerRow>,
  now: Date,
): void {
  const targetVersion = row.hostUuid === null ? row.targetVersion : bumpTarget(model, row.hostUuid)
  store(model, row, { ...change, targetVersion }, now)
}

/** As writePlace there. */
export function writePlace(
  model: Model,
  { row }: ContainerRecord,
  change: Partial<ContainerRow> & { readonly hostUuid: string | null },
  now: Date,
): void {
  store(model, row, change, now)
  if (row.hostUuid !== null && row.hostUuid !== change.hostUuid) bumpTarget(model, row.hostUuid)
}

function store(model: Model, row: ContainerRow, change: Partial<ContainerRow>, now: Date): void {
  updateContainer(model, row.uuid, model.decide.intent(change))
  const changed = findRecord(model, row.uuid)
  if (!changed) announce(model, { row, host: undefined }, { status: 'deleted', reason: null }, now)
  else announce(model, changed, model.decide.statusOf(changed.intent, changed.facts), now)
}
