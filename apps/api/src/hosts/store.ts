import type { Heartbeat, Hello, HostGpu } from '@gpulab/contract'
import { and, asc, eq, getColumns, gt, inArray, isNull, lt, notInArray, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { containers, type ForeignContainer, gpuLeases, gpus, hosts, teams } from '../db/schema/index.ts'

export type HostRow = typeof hosts.$inferSelect

export async function findHost(db: Queries, uuid: string): Promise<HostRow | undefined> {
  const [row] = await db
    .select()
    .from(hosts)
    .where(and(eq(hosts.uuid, uuid), isNull(hosts.removedAt)))
  return row
}

export interface TargetHead {
  readonly version: number
  readonly foreign: readonly ForeignContainer[]
}

/** What the version of the target is that the host shall have; undefined once it is removed or has another key. */
export async function findTargetHead(
  db: Queries,
  { hostUuid, publicKey }: { hostUuid: string; publicKey: Buffer },
): Promise<TargetHead | undefined> {
  const [row] = await db
    .select({ version: hosts.targetVersion, foreign: hosts.foreignContainers })
    .from(hosts)
    .where(and(eq(hosts.uuid, hostUuid), eq(hosts.publicKey, publicKey), isNull(hosts.removedAt)))
  return row
}

/** Of these containers on a host, those that were deleted or are placed elsewhere now. */
export async function listLeftBehind(
  db: Queries,
  hostUuid: string,
  uuids: readonly string[],
): Promise<LeftBehind[]> {
  if (uuids.length === 0) return []
  const { uuid, generation, attempt, restart, name, teamUuid, image, memoryBytes, deletedAt } = containers
  return db
    .select({ uuid, generation, attempt, restart, name, teamUuid, image, memoryBytes, deletedAt })
    .from(containers)
    .where(
      and(
        inArray(uuid, [...uuids]),
        sql`(${deletedAt} is not null or ${containers.hostUuid} is distinct from ${hostUuid})`,
      ),
    )
}

export type LeftBehind = Pick<
  typeof containers.$inferSelect,
  'uuid' | 'generation' | 'attempt' | 'restart' | 'name' | 'teamUuid' | 'image' | 'memoryBytes' | 'deletedAt'
>

export interface ListedHost {
  readonly host: HostRow
  readonly gpusTotal: number
  readonly gpusFree: number
  readonly gpuTypes: string[]
  readonly gpuCounts: Record<string, number>
  readonly simulated: boolean
  readonly containers: number
}

/** Hosts by name. */
export function listHosts(
  db: Queries,
  { name, after, limit }: { name: string | undefined; after: string | undefined; limit: number },
): Promise<ListedHost[]> {
  const ofTypes = <T>(what: ReturnType<typeof sql>) =>
    sql<T>`(select ${what} from host_gpu_types where host_gpu_types.host_uuid = hosts.uuid and total > 0)`
  return db
    .select({
      host: hosts,
      gpusTotal: ofTypes<number>(sql`coalesce(sum(total), 0)::int`),
      gpusFree: ofTypes<number>(sql`coalesce(sum(free), 0)::int`),
      gpuTypes: ofTypes<string[]>(sql`coalesce(array_agg(gpu_type order by gpu_type), '{}')`),
      gpuCounts: ofTypes<Record<string, number>>(sql`coalesce(jsonb_object_agg(gpu_type, total), '{}')`),
      simulated: sql<boolean>`exists (select from gpus where gpus.host_uuid = hosts.uuid and gpus.present and gpus.simulated)`,
      containers: sql<number>`(
        select count(*)::int from containers where containers.host_uuid = hosts.uuid and containers.deleted_at is null
      )`,
    })
    .from(hosts)
    .where(
      and(
        isNull(hosts.removedAt),
        name === undefined ? undefined : eq(hosts.name, name),
        after === undefined ? undefined : gt(hosts.name, after),
      ),
    )
    .orderBy(asc(hosts.name))
    .limit(limit)
}

/** A host's cards, with the uuid of the container that holds each. */
export const listGpusOfHost = (
  db: Queries,
  hostUuid: string,
): Promise<{ gpu: typeof gpus.$inferSelect; container: string | null }[]> =>
  db
    .select({ gpu: gpus, container: gpuLeases.containerUuid })
    .from(gpus)
    .leftJoin(gpuLeases, and(eq(gpuLeases.gpuUuid, gpus.uuid), isNull(gpuLeases.releasedAt)))
    .where(eq(gpus.hostUuid, hostUuid))
    .orderBy(asc(gpus.index))

export async function listTeamNames(db: Queries, uuids: readonly string[]): Promise<Map<string, string>> {
  if (uuids.length === 0) return new Map()
  const rows = await db
    .select({ uuid: teams.uuid, name: teams.name })
    .from(teams)
    .where(inArray(teams.uuid, [...uuids]))
  return new Map(rows.map(({ uuid, name }) => [uuid, name]))
}

export async function markGpusAbsent(tx: Transaction, hostUuid: string): Promise<void> {
  await tx.update(gpus).set({ present: false }).where(eq(gpus.hostUuid, hostUuid))
}

// Lists that may be long, of which no decision under the lock depends.
const { images: _images, checks: _checks, ...lockedColumns } = getColumns(hosts)

export type LockedHost = Omit<HostRow, 'images' | 'checks'>

/**
 * Locks a host: changes of intent and reports take turns on it. Whoever also locks containers locks the host first, and
 * whoever locks two hosts locks them in the order of their uuids. With `skipLocked`, undefined where another has it.
 */
export async function lockHost(
  tx: Transaction,
  uuid: string,
  { skipLocked }: { skipLocked: boolean } = { skipLocked: false },
): Promise<LockedHost | undefined> {
  const [row] = await tx
    .select(lockedColumns)
    .from(hosts)
    .where(eq(hosts.uuid, uuid))
    .for('update', skipLocked ? { skipLocked } : {})
  return row
}

/** Locks the first of these hosts that nobody else has locked. */
export async function lockFirstFree(
  tx: Transaction,
  uuids: readonly string[],
): Promise<LockedHost | undefined> {
  const list = sql`${sql.param([...uuids])}::uuid[]`
  const [row] = await tx
    .select(lockedColumns)
    .from(hosts)
    .where(sql`${hosts.uuid} = any(${list})`)
    .orderBy(sql`array_position(${list}, ${hosts.uuid})`)
    .limit(1)
    .for('update', { skipLocked: true })
  return row
}

/** Makes a run of the agent the one whose reports count, and takes its inventory. */
export async function storeHello(
  tx: Transaction,
  hostUuid: string,
  hello: Hello & { readonly sessionNumber: number },
  now: Date,
): Promise<void> {
  // An agent that says hello again within the same run goes on counting its reports.
  const isSameRun = sql`${hosts.bootId} = ${hello.boot_id}`
  const unlessSameRun = (column: unknown, otherwise: number) =>
    sql`case when ${isSameRun} then ${column} else ${otherwise} end`
  await updateHost(tx, hostUuid, {
    bootId: hello.boot_id,
    bootConnect: hello.sessionNumber,
    lastSeq: unlessSameRun(hosts.lastSeq, 0),
    reportSeq: unlessSameRun(hosts.reportSeq, 0),
    reportedVersion: unlessSameRun(hosts.reportedVersion, -1),
    lastSeenAt: now,
    agentVersion: hello.agent_version,
    cpus: hello.cpus,
    memoryBytes: hello.memory_bytes,
    diskBytes: hello.disk_bytes,
    images: hello.images,
    deployTimeoutS: Math.ceil(hello.deploy_timeout),
    checks: hello.checks,
    volumes: hello.volumes,
    engineAvailable: hello.engine.available,
    engineVersion: hello.engine.version,
    engineMessage: hello.engine.message,
  })
}

/** The hosts that have these cards. */
export async function listOwners(db: Queries, gpuUuids: readonly string[]): Promise<string[]> {
  if (gpuUuids.length === 0) return []
  const rows = await db
    .selectDistinct({ hostUuid: gpus.hostUuid })
    .from(gpus)
    .where(inArray(gpus.uuid, [...gpuUuids]))
  return rows.map(({ hostUuid }) => hostUuid)
}

/**
 * A locked host's cards as it lists them now; others of its cards are kept, as not present. Those of other hosts it gets
 * only from these, which are locked too. Gives the uuids of those that it has then.
 */
export async function storeGpus(
  tx: Transaction,
  hostUuid: string,
  listed: readonly HostGpu[],
  fromHosts: readonly string[],
): Promise<string[]> {
  const uuids = listed.map(({ uuid }) => uuid)
  await tx
    .update(gpus)
    .set({ present: false })
    .where(and(eq(gpus.hostUuid, hostUuid), uuids.length > 0 ? notInArray(gpus.uuid, uuids) : undefined))
  if (listed.length === 0) return []
  const stored = await tx
    .insert(gpus)
    .values(
      // In one order, so that two hosts that list the same do not wait for each other.
      listed
        .toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1))
        .map(({ uuid, index, name, memory_bytes: memoryBytes, simulated }) => ({
          uuid,
          hostUuid,
          index,
          name,
          memoryBytes,
          simulated,
          present: true,
        })),
    )
    .onConflictDoUpdate({
      target: gpus.uuid,
      set: {
        hostUuid: sql`excluded.host_uuid`,
        index: sql`excluded.index`,
        name: sql`excluded.name`,
        memoryBytes: sql`excluded.memory_bytes`,
        simulated: sql`excluded.simulated`,
        present: sql`true`,
      },
      setWhere: inArray(gpus.hostUuid, [hostUuid, ...fromHosts]),
    })
    .returning({ uuid: gpus.uuid })
  return stored.map(({ uuid }) => uuid)
}

/** The names of the hosts that have these cards, by card. */
export async function listOwnerNames(
  db: Queries,
  gpuUuids: readonly string[],
): Promise<{ uuid: string; host: string }[]> {
  return db
    .select({ uuid: gpus.uuid, host: hosts.name })
    .from(gpus)
    .innerJoin(hosts, eq(hosts.uuid, gpus.hostUuid))
    .where(inArray(gpus.uuid, [...gpuUuids]))
    .orderBy(asc(gpus.uuid))
}

export async function updateHost(
  tx: Transaction,
  uuid: string,
  values: Parameters<ReturnType<typeof tx.update<typeof hosts>>['set']>[0],
): Promise<void> {
  await tx.update(hosts).set(values).where(eq(hosts.uuid, uuid))
}

/** Notes a sign of life, if it is the newest of the run that counts and the report that it refers to still holds. */
export async function keepAlive(
  db: Queries,
  uuid: string,
  { boot_id: bootId, seq, report_seq: reportSeq }: Heartbeat,
  { now, silentSince }: { now: Date; silentSince: Date },
): Promise<'kept' | 'stale' | 'replaced'> {
  const kept = await db
    .update(hosts)
    .set({ lastSeenAt: now, lastSeq: sql`greatest(${hosts.lastSeq}, ${seq})` })
    .where(
      and(
        eq(hosts.uuid, uuid),
        eq(hosts.bootId, bootId),
        eq(hosts.reportSeq, reportSeq),
        gt(hosts.lastSeenAt, silentSince),
      ),
    )
    .returning({ uuid: hosts.uuid })
  if (kept.length > 0) return 'kept'
  const host = await findHost(db, uuid)
  return host?.bootId === bootId ? 'stale' : 'replaced'
}

export interface Beat extends Heartbeat {
  readonly hostUuid: string
}

/** Does the same for many hosts, each at most once among them; gives those that were kept, and passes over locked ones. */
export async function keepManyAlive(
  db: Queries,
  beats: readonly Beat[],
  { now, silentSince }: { now: Date; silentSince: Date },
): Promise<Set<string>> {
  const list = (values: readonly (string | number)[]) => sql.param([...values])
  const kept = await db.execute<{ uuid: string }>(sql`
    with beats as (
      select * from unnest(
        ${list(beats.map(({ hostUuid }) => hostUuid))}::uuid[], ${list(beats.map(({ boot_id }) => boot_id))}::uuid[],
        ${list(beats.map(({ seq }) => seq))}::bigint[], ${list(beats.map(({ report_seq }) => report_seq))}::bigint[]
      ) as beats (uuid, boot_id, seq, report_seq)
    ), alive as (
      select hosts.uuid, beats.seq from hosts
      join beats on hosts.uuid = beats.uuid and hosts.boot_id = beats.boot_id and hosts.report_seq = beats.report_seq
      where hosts.last_seen_at > ${silentSince}
      for update of hosts skip locked
    )
    update hosts set last_seen_at = ${now}, last_seq = greatest(hosts.last_seq, alive.seq)
    from alive where hosts.uuid = alive.uuid
    returning hosts.uuid`)
  return new Set(kept.map(({ uuid }) => uuid))
}

/** Makes a new version of a locked host's target and wakes its agent, once the transaction commits. */
export async function bumpTarget(tx: Transaction, uuid: string): Promise<number> {
  const [row] = await tx
    .update(hosts)
    .set({ targetVersion: sql`${hosts.targetVersion} + 1` })
    .where(eq(hosts.uuid, uuid))
    .returning({ version: hosts.targetVersion, signal: sql`pg_notify('gpulab_target', ${uuid})` })
  if (!row) throw new Error(`Host ${uuid} vanished`)
  return row.version
}

/** Wakes whoever serves the line, once the transaction commits: there may be room. */
export async function signalCapacity(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_notify('gpulab_capacity', '')`)
}

/** Wakes whoever watches the host. */
export async function signalWatchers(tx: Transaction, hostUuid: string): Promise<void> {
  await tx.execute(sql`select pg_notify('gpulab_event', ${hostUuid})`)
}

/** Hosts that have been silent since then and have containers whose users have not been told. */
export async function listFallenSilent(db: Queries, silentSince: Date): Promise<string[]> {
  const rows = await db
    .selectDistinct({ uuid: hosts.uuid })
    .from(hosts)
    .innerJoin(containers, and(eq(containers.hostUuid, hosts.uuid), isNull(containers.deletedAt)))
    .where(
      and(
        lt(hosts.lastSeenAt, silentSince),
        notInArray(containers.announcedStatus, ['unreachable', 'stopped', 'failed', 'deleting']),
      ),
    )
  return rows.map(({ uuid }) => uuid)
}
