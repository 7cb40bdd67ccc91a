import { and, count, eq, gt, inArray, isNull, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { gpuLeases, gpus, hosts } from '../db/schema/index.ts'

// Names are spelled out here: drizzle leaves the table's away where a query has only one.
const isFree = sql`not exists (
  select from gpu_leases where gpu_leases.gpu_uuid = gpus.uuid and gpu_leases.released_at is null
)`

/** Hosts that are alive, with their free cards of that type and how many containers they have. */
export async function listCandidates(
  db: Queries,
  { gpuType, seenAfter }: { gpuType: string | null; seenAfter: Date },
): Promise<{ hostUuid: string; freeGpus: number; containers: number }[]> {
  const free = sql<number>`(
    select count(*)::int from gpus
    where gpus.host_uuid = hosts.uuid and gpus.name = ${gpuType} and gpus.present and ${isFree}
  )`
  const placed = sql<number>`(
    select count(*)::int from containers
    where containers.host_uuid = hosts.uuid and containers.deleted_at is null
  )`
  return db
    .select({ hostUuid: hosts.uuid, freeGpus: free, containers: placed })
    .from(hosts)
    .where(and(gt(hosts.lastSeenAt, seenAfter), eq(hosts.engineAvailable, true)))
}

/** Free cards of a locked host, in the order of their index. */
export async function listFreeGpus(tx: Transaction, hostUuid: string, gpuType: string): Promise<string[]> {
  const rows = await tx
    .select({ uuid: gpus.uuid })
    .from(gpus)
    .where(and(eq(gpus.hostUuid, hostUuid), eq(gpus.name, gpuType), eq(gpus.present, true), isFree))
    .orderBy(gpus.index)
  return rows.map(({ uuid }) => uuid)
}

export async function insertLeases(
  tx: Transaction,
  gpuUuids: readonly string[],
  holder: { containerUuid: string; generation: number; leasedAt: Date },
): Promise<void> {
  if (gpuUuids.length === 0) return
  await tx.insert(gpuLeases).values(gpuUuids.map((gpuUuid) => ({ gpuUuid, ...holder })))
}

export async function releaseLeases(tx: Transaction, containerUuid: string, releasedAt: Date): Promise<void> {
  await tx
    .update(gpuLeases)
    .set({ releasedAt })
    .where(and(eq(gpuLeases.containerUuid, containerUuid), isNull(gpuLeases.releasedAt)))
}

/** Cards that the container held when it last ran: the ones that its container on the host was made with. */
export async function listLastGpus(
  tx: Transaction,
  containerUuid: string,
  generation: number,
): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ gpuUuid: gpuLeases.gpuUuid })
    .from(gpuLeases)
    .where(and(eq(gpuLeases.containerUuid, containerUuid), eq(gpuLeases.generation, generation)))
  return rows.map(({ gpuUuid }) => gpuUuid)
}

/** Which of these cards can be leased now: present on that host and held by nobody. */
export async function filterFree(
  tx: Transaction,
  hostUuid: string,
  gpuUuids: readonly string[],
): Promise<string[]> {
  if (gpuUuids.length === 0) return []
  const rows = await tx
    .select({ uuid: gpus.uuid })
    .from(gpus)
    .where(
      and(inArray(gpus.uuid, [...gpuUuids]), eq(gpus.hostUuid, hostUuid), eq(gpus.present, true), isFree),
    )
  return rows.map(({ uuid }) => uuid)
}

/** Cards by type: how many there are on living hosts, and how many of these are free. */
export const countGpus = (db: Queries, seenAfter: Date) =>
  db
    .select({
      name: gpus.name,
      total: count(),
      available: sql<number>`(count(*) filter (where ${isFree} and hosts.engine_available))::int`,
      memoryBytes: sql<number>`max(gpus.memory_bytes)::float8`,
      simulated: sql<boolean>`bool_or(gpus.simulated)`,
    })
    .from(gpus)
    .innerJoin(hosts, eq(hosts.uuid, gpus.hostUuid))
    .where(and(eq(gpus.present, true), gt(hosts.lastSeenAt, seenAfter)))
    .groupBy(gpus.name)
