import { and, count, eq, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { containers, gpuLeases, gpus, hostGpuTypes, hosts } from '../db/schema/index.ts'
import type { Card } from './choose-cards.ts'
import { containersMax } from '../containers/decide-change.ts'
import type { Candidate, PlacementRequest } from '../containers/placement.ts'
import type { LeasedGpu } from '../containers/store.ts'

// Names are spelled out here: drizzle leaves the table's away where a query has only one.
const isFree = sql`not exists (
  select from gpu_leases where gpu_leases.gpu_uuid = gpus.uuid and gpu_leases.released_at is null
)`

/** What a host may still be given, in the terms of its row. */
const freeMemory = sql<number>`(hosts.memory_bytes - hosts.requested_memory_bytes)`
const freeCpus = sql<number>`(hosts.cpus - hosts.requested_cpus)`
// An agent that cannot see the disk of its engine says 0: then it is not known, and not in the way.
const freeDisk = sql<number>`(case when hosts.disk_bytes = 0 then ${Number.MAX_SAFE_INTEGER} else hosts.disk_bytes end
  - hosts.requested_disk_bytes)`

const isOpen = (seenAfter: Date) =>
  and(
    eq(hosts.state, 'active'),
    isNull(hosts.removedAt),
    gt(hosts.lastSeenAt, seenAfter),
    eq(hosts.engineAvailable, true),
  )

const volumeDriversOf = sql<string[]>`coalesce(
  (select jsonb_agg(kind -> 'driver') from jsonb_array_elements(hosts.volumes) as kinds (kind)), '[]'
)`

/** As many as are looked at closely; any of the fullest with room will do. */
const candidatesMax = 40

/**
 * Hosts that may have room, or all that are open with `all`. The counters that this reads are exact for a locked host
 * only.
 */
export async function listCandidates(
  db: Queries,
  request: PlacementRequest,
  { seenAfter, all = false }: { seenAfter: Date; all?: boolean },
): Promise<Candidate[]> {
  const { gpuTypes, gpuCount, memoryBytes, cpus, diskBytes, image, residesOn, pinnedTo, volumeDrivers } =
    request
  const isOwn = residesOn === null ? undefined : eq(hosts.uuid, residesOn)
  const hasRoom = and(
    sql`${freeMemory} >= ${memoryBytes}`,
    sql`${freeCpus} >= ${cpus ?? 0}`,
    or(sql`${freeDisk} >= ${diskBytes} and ${hosts.containersCount} < ${containersMax}`, isOwn),
  )
  const hasVolumes = and(
    pinnedTo === null ? undefined : eq(hosts.uuid, pinnedTo),
    ...volumeDrivers.map((driver) => sql`${hosts.volumes} @> ${JSON.stringify([{ driver }])}::text::jsonb`),
  )
  const types = sql`${sql.param([...gpuTypes])}::text[]`
  const isEnough = sql`${hostGpuTypes.gpuType} = any(${types}) and ${hostGpuTypes.free} >= ${gpuCount}`
  const chosen = db
    .select({ uuid: hosts.uuid })
    .from(hosts)
    .where(and(isOpen(seenAfter), hasVolumes, all ? undefined : hasRoom))
  // Of any type, counted once for all hosts: what needs no cards goes where few are free.
  const cards = db
    .select({
      hostUuid: hostGpuTypes.hostUuid,
      free: sql<number>`sum(${hostGpuTypes.free})`.as('free_cards'),
    })
    .from(hostGpuTypes)
    .groupBy(hostGpuTypes.hostUuid)
    .as('cards')
  // Not the best place yet, but in the order of it: the exact one is found among these.
  const likely =
    gpuCount > 0 && !all
      ? chosen
          .innerJoin(hostGpuTypes, and(eq(hostGpuTypes.hostUuid, hosts.uuid), isEnough))
          .orderBy(sql`array_position(${types}, ${hostGpuTypes.gpuType})`, hostGpuTypes.free, freeMemory)
      : chosen
          .leftJoin(cards, eq(cards.hostUuid, hosts.uuid))
          .orderBy(sql`coalesce(${cards.free}, 0)`, freeMemory)
  const found = await db
    .select({
      hostUuid: hosts.uuid,
      hostName: hosts.name,
      freeGpus: sql<Record<string, number>>`coalesce(
        (select jsonb_object_agg(gpu_type, free) from host_gpu_types where host_gpu_types.host_uuid = hosts.uuid), '{}'
      )`,
      freeMemoryBytes: freeMemory.mapWith(Number),
      freeCpus: freeCpus.mapWith(Number),
      freeDiskBytes: freeDisk.mapWith(Number),
      freeSlots: sql`${containersMax} - ${hosts.containersCount}`.mapWith(Number),
      hasImage: sql<boolean>`${image} = any(hosts.images)`,
      volumeDrivers: volumeDriversOf,
    })
    .from(hosts)
    .where(inArray(hosts.uuid, all ? likely : likely.limit(candidatesMax)))
  return found
}

/** What each host could be given if nothing were promised of it, whatever its state is now. */
export async function listCapacities(db: Queries): Promise<Candidate[]> {
  const rows = await db
    .select({
      host: hosts,
      freeGpus: sql<Record<string, number>>`coalesce(
        (select jsonb_object_agg(gpu_type, total) from host_gpu_types where host_gpu_types.host_uuid = hosts.uuid), '{}'
      )`,
    })
    .from(hosts)
    .where(and(isNull(hosts.removedAt), ne(hosts.state, 'fenced')))
  return rows.map(({ host, freeGpus }) => ({
    hostUuid: host.uuid,
    hostName: host.name,
    freeGpus,
    freeMemoryBytes: host.memoryBytes,
    freeCpus: host.cpus,
    freeDiskBytes: host.diskBytes === 0 ? Number.MAX_SAFE_INTEGER : host.diskBytes,
    freeSlots: containersMax,
    hasImage: false,
    volumeDrivers: host.volumes.map(({ driver }) => driver),
  }))
}

/**
 * Counts anew what is promised of a locked host; whoever changes a share of it or its cards does so at the end. With
 * `isTargetNew` it also makes a new version of the host's target and wakes its agent, once the transaction commits.
 */
export async function recount(
  tx: Transaction,
  hostUuid: string,
  { isTargetNew }: { isTargetNew: boolean } = { isTargetNew: false },
): Promise<void> {
  await tx.execute(sql`
    with counts as (
      select gpus.name, count(*) filter (where gpus.present) as total,
        count(*) filter (where gpus.present and gpu_leases.id is null) as free
      from gpus left join gpu_leases on gpu_leases.gpu_uuid = gpus.uuid and gpu_leases.released_at is null
      where gpus.host_uuid = ${hostUuid} group by gpus.name
    ), gone as (
      update host_gpu_types set total = 0, free = 0
      where host_uuid = ${hostUuid} and total > 0 and gpu_type not in (select name from counts)
    ), types as (
      insert into host_gpu_types (host_uuid, gpu_type, total, free) select ${hostUuid}, name, total, free from counts
      on conflict (host_uuid, gpu_type) do update set total = excluded.total, free = excluded.free
      where (host_gpu_types.total, host_gpu_types.free) is distinct from (excluded.total, excluded.free)
    ), sums as (
      select coalesce(sum(cpus) filter (where holds), 0) as cpus,
        coalesce(sum(memory_bytes) filter (where holds), 0) as memory_bytes,
        coalesce(sum(disk_bytes), 0) as disk_bytes, count(*) as containers
      from containers where host_uuid = ${hostUuid} and deleted_at is null
    )
    update hosts set
      requested_cpus = sums.cpus, requested_memory_bytes = sums.memory_bytes, requested_disk_bytes = sums.disk_bytes,
      containers_count = sums.containers, target_version = target_version + ${isTargetNew ? 1 : 0}
    from sums where hosts.uuid = ${hostUuid}
    returning ${isTargetNew ? sql`pg_notify('gpulab_target', ${hostUuid})` : sql`hosts.uuid`}`)
}

/** Free cards of a locked host, of one type or of all, in the order of their index. */
export const listFreeCards = (tx: Transaction, hostUuid: string, gpuType?: string): Promise<LeasedGpu[]> =>
  tx
    .select({ uuid: gpus.uuid, name: gpus.name, memoryBytes: gpus.memoryBytes, simulated: gpus.simulated })
    .from(gpus)
    .where(
      and(
        eq(gpus.hostUuid, hostUuid),
        gpuType === undefined ? undefined : eq(gpus.name, gpuType),
        eq(gpus.present, true),
        isFree,
      ),
    )
    .orderBy(gpus.index)

export async function insertLeases(
  tx: Transaction,
  gpuUuids: readonly string[],
  holder: { containerUuid: string; generation: number; leasedAt: Date },
): Promise<void> {
  if (gpuUuids.length === 0) return
  await tx.insert(gpuLeases).values(gpuUuids.map((gpuUuid) => ({ gpuUuid, ...holder })))
}

/** Ends the leases of these containers, and with them their shares of the host. */
export async function releaseLeases(
  tx: Transaction,
  containerUuids: readonly string[],
  { releasedAt, releasedBy }: { releasedAt: Date; releasedBy: 'rest' | 'fence' },
): Promise<void> {
  if (containerUuids.length === 0) return
  const uuids = [...containerUuids]
  await Promise.all([
    tx
      .update(gpuLeases)
      .set({ releasedAt, releasedBy })
      .where(and(inArray(gpuLeases.containerUuid, uuids), isNull(gpuLeases.releasedAt))),
    tx.update(containers).set({ holds: false }).where(inArray(containers.uuid, uuids)),
  ])
}

/** Cards that this generation of a container held: the ones that its container on the host was made with. */
export const listLastCards = (tx: Transaction, containerUuid: string, generation: number): Promise<Card[]> =>
  tx
    .selectDistinct({ uuid: gpus.uuid, name: gpus.name })
    .from(gpuLeases)
    .innerJoin(gpus, eq(gpus.uuid, gpuLeases.gpuUuid))
    .where(and(eq(gpuLeases.containerUuid, containerUuid), eq(gpuLeases.generation, generation)))

/** Cards by type: how many there are on living hosts, and how many of these a container could get now. */
export const countGpus = (db: Queries, seenAfter: Date) =>
  db
    .select({
      name: gpus.name,
      total: count(),
      available: sql<number>`(count(*) filter (where ${isFree} and hosts.engine_available and hosts.state = 'active'))::int`,
      memoryBytes: sql<number>`max(gpus.memory_bytes)::float8`,
      simulated: sql<boolean>`bool_or(gpus.simulated)`,
    })
    .from(gpus)
    .innerJoin(hosts, eq(hosts.uuid, gpus.hostUuid))
    .where(and(eq(gpus.present, true), isNull(hosts.removedAt), gt(hosts.lastSeenAt, seenAfter)))
    .groupBy(gpus.name)
