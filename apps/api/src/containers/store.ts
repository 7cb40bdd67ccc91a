import { and, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { Position } from '../db/page.ts'
import type { Queries, Transaction } from '../db/connect.ts'
import { containerFacts, containers, gpuLeases, gpus, hosts } from '../db/schema/index.ts'
import type { Facts, Intent } from './status.ts'

export type ContainerRow = typeof containers.$inferSelect
export type NewContainer = typeof containers.$inferInsert
export type FactsRow = typeof containerFacts.$inferSelect
export interface LeasedGpu {
  readonly uuid: string
  readonly name: string
  readonly memoryBytes: number
  readonly simulated: boolean
}

/** A container with all that its status and its picture depend on. */
export interface ContainerRecord {
  readonly row: ContainerRow
  readonly intent: Intent
  readonly facts: (Facts & Pick<FactsRow, 'finishedAt'>) | undefined
  readonly host: { readonly uuid: string; readonly name: string; readonly lastSeenAt: Date }
  /** Held now. */
  readonly gpus: readonly LeasedGpu[]
  /** Whether the cards of its type on its host are simulated. */
  readonly simulated: boolean
}

const simulated = sql<boolean>`exists (
  select from gpus where gpus.host_uuid = containers.host_uuid and gpus.name = containers.gpu_type and gpus.simulated
)`

async function selectRecords(
  db: Queries,
  where: ReturnType<typeof and>,
  limit?: number,
): Promise<ContainerRecord[]> {
  const query = db
    .select({
      row: containers,
      facts: containerFacts,
      host: { uuid: hosts.uuid, name: hosts.name, lastSeenAt: hosts.lastSeenAt },
      simulated,
    })
    .from(containers)
    .innerJoin(hosts, eq(hosts.uuid, containers.hostUuid))
    .leftJoin(containerFacts, eq(containerFacts.containerUuid, containers.uuid))
    .where(and(isNull(containers.deletedAt), where))
    .orderBy(desc(containers.createdAt), desc(containers.uuid))
  const rows = await (limit === undefined ? query : query.limit(limit))
  const held = await listLeasedGpus(
    db,
    rows.map(({ row }) => row.uuid),
  )
  return rows.map((found) => ({
    row: found.row,
    intent: found.row,
    facts: found.facts ?? undefined,
    host: found.host,
    gpus: held.get(found.row.uuid) ?? [],
    simulated: found.simulated,
  }))
}

async function listLeasedGpus(db: Queries, uuids: readonly string[]): Promise<Map<string, LeasedGpu[]>> {
  if (uuids.length === 0) return new Map()
  const rows = await db
    .select({
      containerUuid: gpuLeases.containerUuid,
      gpu: { uuid: gpus.uuid, name: gpus.name, memoryBytes: gpus.memoryBytes, simulated: gpus.simulated },
    })
    .from(gpuLeases)
    .innerJoin(gpus, eq(gpus.uuid, gpuLeases.gpuUuid))
    .where(and(inArray(gpuLeases.containerUuid, [...uuids]), isNull(gpuLeases.releasedAt)))
    .orderBy(gpus.index)
  const byContainer = Map.groupBy(rows, ({ containerUuid }) => containerUuid)
  return new Map([...byContainer].map(([uuid, group]) => [uuid, group.map(({ gpu }) => gpu)]))
}

export async function findContainer(
  db: Queries,
  teamUuid: string,
  uuid: string,
): Promise<ContainerRecord | undefined> {
  const [record] = await selectRecords(db, and(eq(containers.teamUuid, teamUuid), eq(containers.uuid, uuid)))
  return record
}

export const listContainers = (
  db: Queries,
  teamUuid: string,
  { name, after, limit }: { name: string | undefined; after: Position | undefined; limit: number },
): Promise<ContainerRecord[]> =>
  selectRecords(
    db,
    and(
      eq(containers.teamUuid, teamUuid),
      name === undefined ? undefined : eq(containers.name, name),
      after &&
        or(
          lt(containers.createdAt, after.at),
          and(eq(containers.createdAt, after.at), lt(containers.uuid, after.uuid)),
        ),
    ),
    limit,
  )

/** All of a host's containers, those that wait for their deletion included. */
export const listContainersOfHost = (db: Queries, hostUuid: string): Promise<ContainerRecord[]> =>
  selectRecords(db, eq(containers.hostUuid, hostUuid))

export async function insertContainer(tx: Transaction, row: NewContainer): Promise<void> {
  await tx.insert(containers).values(row)
}

export async function updateContainer(
  tx: Transaction,
  uuid: string,
  values: Partial<NewContainer>,
): Promise<void> {
  await tx.update(containers).set(values).where(eq(containers.uuid, uuid))
}

export async function upsertFacts(
  tx: Transaction,
  values: typeof containerFacts.$inferInsert,
): Promise<void> {
  await tx
    .insert(containerFacts)
    .values(values)
    .onConflictDoUpdate({ target: containerFacts.containerUuid, set: values })
}
