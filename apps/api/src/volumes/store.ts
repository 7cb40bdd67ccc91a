import type { VolumeDriver } from '@gpulab/contract'
import { and, count, desc, eq, getColumns, inArray, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import type { Position } from '../db/page.ts'
import { containers, containerVolumes, hosts, volumeFacts, volumes } from '../db/schema/index.ts'

export type VolumeRow = typeof volumes.$inferSelect
export type NewVolume = typeof volumes.$inferInsert
export type VolumeFactsRow = typeof volumeFacts.$inferSelect

/** A container that has a volume. */
export interface Attachment {
  readonly uuid: string
  readonly name: string
  readonly mountPath: string
  readonly readOnly: boolean
}

export interface VolumeRecord {
  readonly row: VolumeRow
  readonly facts: VolumeFactsRow | undefined
  readonly host: { readonly uuid: string; readonly name: string; readonly lastSeenAt: Date | null }
  readonly containers: readonly Attachment[]
}

const attachments = sql<Attachment[]>`(
  select coalesce(json_agg(json_build_object(
    'uuid', containers.uuid, 'name', containers.name, 'mountPath', container_volumes.mount_path,
    'readOnly', container_volumes.read_only
  ) order by containers.created_at), '[]')
  from container_volumes join containers on containers.uuid = container_volumes.container_uuid
  where container_volumes.volume_uuid = volumes.uuid and containers.deleted_at is null
)`

async function selectRecords(
  db: Queries,
  where: ReturnType<typeof and>,
  limit?: number,
): Promise<VolumeRecord[]> {
  const query = db
    .select({
      row: getColumns(volumes),
      facts: volumeFacts,
      host: { uuid: hosts.uuid, name: hosts.name, lastSeenAt: hosts.lastSeenAt },
      containers: attachments,
    })
    .from(volumes)
    .innerJoin(hosts, eq(hosts.uuid, volumes.hostUuid))
    .leftJoin(volumeFacts, eq(volumeFacts.volumeUuid, volumes.uuid))
    .where(and(isNull(volumes.deletedAt), where))
    .orderBy(desc(volumes.createdAt), desc(volumes.uuid))
  const rows = await (limit === undefined ? query : query.limit(limit))
  return rows.map((found) => ({ ...found, facts: found.facts ?? undefined }))
}

export async function findVolume(
  db: Queries,
  teamUuid: string,
  uuid: string,
): Promise<VolumeRecord | undefined> {
  const [record] = await selectRecords(db, and(eq(volumes.teamUuid, teamUuid), eq(volumes.uuid, uuid)))
  return record
}

/** The team's volumes of these names or uuids; one that is being deleted has no name any more. */
export const findReferenced = (
  db: Queries,
  teamUuid: string,
  references: readonly string[],
): Promise<VolumeRecord[]> => {
  const isNamed = and(eq(volumes.desired, 'present'), inArray(volumes.name, [...references]))
  const isMeant = or(isNamed, inArray(sql`${volumes.uuid}::text`, [...references]))
  return selectRecords(db, and(eq(volumes.teamUuid, teamUuid), isMeant))
}

export const listVolumes = (
  db: Queries,
  teamUuid: string,
  { name, after, limit }: { name: string | undefined; after: Position | undefined; limit: number },
): Promise<VolumeRecord[]> =>
  selectRecords(
    db,
    and(
      eq(volumes.teamUuid, teamUuid),
      name === undefined ? undefined : eq(volumes.name, name),
      after &&
        or(
          lt(volumes.createdAt, after.at),
          and(eq(volumes.createdAt, after.at), lt(volumes.uuid, after.uuid)),
        ),
    ),
    limit,
  )

/** Those that a host manages, and those of other hosts that its containers have. */
export async function listVolumesOfHost(db: Queries, hostUuid: string): Promise<VolumeRow[]> {
  const used = db
    .select({ uuid: containerVolumes.volumeUuid })
    .from(containerVolumes)
    .innerJoin(containers, eq(containers.uuid, containerVolumes.containerUuid))
    .where(and(eq(containers.hostUuid, hostUuid), isNull(containers.deletedAt)))
  return db
    .select()
    .from(volumes)
    .where(and(isNull(volumes.deletedAt), or(eq(volumes.hostUuid, hostUuid), inArray(volumes.uuid, used))))
    .orderBy(volumes.uuid)
}

/** Those that hosts share, of hosts that have been declared dead. */
export const listOrphaned = (
  db: Queries,
): Promise<{ uuid: string; driver: VolumeDriver; hostUuid: string }[]> =>
  db
    .select({ uuid: volumes.uuid, driver: volumes.driver, hostUuid: volumes.hostUuid })
    .from(volumes)
    .innerJoin(hosts, eq(hosts.uuid, volumes.hostUuid))
    .where(and(eq(hosts.state, 'fenced'), ne(volumes.driver, 'local'), isNull(volumes.deletedAt)))
    .orderBy(volumes.uuid)

/** Those of a host that its word counts for, with what it has said last. */
export const listManaged = (
  tx: Transaction,
  hostUuid: string,
): Promise<{ row: VolumeRow; facts: VolumeFactsRow | null }[]> =>
  tx
    .select({ row: getColumns(volumes), facts: volumeFacts })
    .from(volumes)
    .leftJoin(volumeFacts, eq(volumeFacts.volumeUuid, volumes.uuid))
    .where(and(eq(volumes.hostUuid, hostUuid), isNull(volumes.deletedAt)))

export interface VolumePlace {
  readonly hostUuid: string
  readonly hostName: string
  /** What is not yet promised to volumes; null where the host does not know. */
  readonly freeBytes: number | null
}

const freeBytesOf = (driver: VolumeDriver) => sql<number | null>`(
  select case when (kind ->> 'size_bytes')::int8 = 0 then null else (kind ->> 'size_bytes')::int8 - (
    select coalesce(sum(size_bytes), 0) from volumes
    where volumes.host_uuid = hosts.uuid and volumes.driver = ${driver} and volumes.deleted_at is null
  ) end
  from jsonb_array_elements(hosts.volumes) as kinds (kind) where kind ->> 'driver' = ${driver} limit 1
)::float8`

/**
 * Hosts that are open and have volumes of this kind: those with GPUs first, since a local volume's containers run where it
 * is, then those with the most room.
 */
export async function listPlaces(
  db: Queries,
  driver: VolumeDriver,
  { seenAfter, gpuType }: { seenAfter: Date; gpuType: string | undefined },
): Promise<VolumePlace[]> {
  const freeBytes = freeBytesOf(driver)
  const hasCards = (ofType: SQL) => sql`exists (
    select from host_gpu_types where host_gpu_types.host_uuid = hosts.uuid and total > 0 ${ofType}
  )`
  return db
    .select({ hostUuid: hosts.uuid, hostName: hosts.name, freeBytes })
    .from(hosts)
    .where(
      and(
        eq(hosts.state, 'active'),
        isNull(hosts.removedAt),
        sql`${hosts.lastSeenAt} > ${seenAfter}`,
        sql`${hosts.volumes} @> ${JSON.stringify([{ driver }])}::text::jsonb`,
        gpuType === undefined ? undefined : hasCards(sql`and gpu_type = ${gpuType}`),
      ),
    )
    .orderBy(sql`${hasCards(sql``)} desc`, sql`${freeBytes} desc nulls first`, hosts.uuid)
    .limit(40)
}

/** The room of one host. */
export async function readFree(
  tx: Transaction,
  hostUuid: string,
  driver: VolumeDriver,
): Promise<number | null | undefined> {
  const [row] = await tx
    .select({ freeBytes: freeBytesOf(driver) })
    .from(hosts)
    .where(eq(hosts.uuid, hostUuid))
  return row?.freeBytes
}

/** What a team has that counts: what is being deleted does not. */
export async function countVolumes(
  db: Queries,
  teamUuid: string,
): Promise<{ volumes: number; bytes: number }> {
  const [row] = await db
    .select({ volumes: count(), bytes: sql<number>`coalesce(sum(${volumes.sizeBytes}), 0)::float8` })
    .from(volumes)
    .where(and(eq(volumes.teamUuid, teamUuid), eq(volumes.desired, 'present')))
  return row ?? { volumes: 0, bytes: 0 }
}

export async function insertVolume(tx: Transaction, row: NewVolume): Promise<void> {
  await tx.insert(volumes).values(row)
}

/** Nobody makes a container with it, or changes it, meanwhile. Its host has to be locked first. */
export async function lockVolume(tx: Transaction, uuid: string): Promise<VolumeRow | undefined> {
  const [row] = await tx
    .select()
    .from(volumes)
    .where(and(eq(volumes.uuid, uuid), isNull(volumes.deletedAt)))
    .for('update')
  return row
}

/** Those of these volumes that are there to stay until the transaction is over. */
export async function holdVolumes(tx: Transaction, uuids: readonly string[]): Promise<string[]> {
  const rows = await tx
    .select({ uuid: volumes.uuid })
    .from(volumes)
    .where(and(inArray(volumes.uuid, [...uuids]), eq(volumes.desired, 'present')))
    .orderBy(volumes.uuid)
    .for('share')
  return rows.map(({ uuid }) => uuid)
}

/** Containers that still have it, each once, be it mounted in several places. */
export function listAttached(tx: Transaction, uuid: string): Promise<{ uuid: string; name: string }[]> {
  const mounted = tx
    .select({ uuid: containerVolumes.containerUuid })
    .from(containerVolumes)
    .where(eq(containerVolumes.volumeUuid, uuid))
  return tx
    .select({ uuid: containers.uuid, name: containers.name })
    .from(containers)
    .where(and(inArray(containers.uuid, mounted), isNull(containers.deletedAt)))
    .orderBy(containers.createdAt)
}

export async function updateVolume(tx: Transaction, uuid: string, values: Partial<NewVolume>): Promise<void> {
  await tx.update(volumes).set(values).where(eq(volumes.uuid, uuid))
}

export async function insertMounts(
  tx: Transaction,
  rows: readonly (typeof containerVolumes.$inferInsert)[],
): Promise<void> {
  if (rows.length > 0) await tx.insert(containerVolumes).values([...rows])
}

export async function upsertVolumeFacts(tx: Transaction, row: VolumeFactsRow): Promise<void> {
  const { volumeUuid: _, ...set } = row
  await tx.insert(volumeFacts).values(row).onConflictDoUpdate({ target: volumeFacts.volumeUuid, set })
}
