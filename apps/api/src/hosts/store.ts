import type { Heartbeat, Hello, HostGpu } from '@gpulab/contract'
import { and, eq, gt, isNull, lt, notInArray, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { containers, gpus, hostEvents, hosts } from '../db/schema/index.ts'

export type HostRow = typeof hosts.$inferSelect

export async function findHost(db: Queries, uuid: string): Promise<HostRow | undefined> {
  const [row] = await db
    .select()
    .from(hosts)
    .where(and(eq(hosts.uuid, uuid), isNull(hosts.removedAt)))
  return row
}

/** The version of the target that the host shall have; undefined for a host that is none any more. */
export async function findTargetVersion(db: Queries, uuid: string): Promise<number | undefined> {
  const [row] = await db
    .select({ version: hosts.targetVersion })
    .from(hosts)
    .where(and(eq(hosts.uuid, uuid), isNull(hosts.removedAt)))
  return row?.version
}

/**
 * Locks a host: changes of intent and reports take turns on it. Whoever also locks containers locks the host first, and
 * whoever locks two hosts locks them in the order of their uuids. With `skipLocked`, undefined where another has it.
 */
export async function lockHost(
  tx: Transaction,
  uuid: string,
  { skipLocked }: { skipLocked: boolean } = { skipLocked: false },
): Promise<HostRow | undefined> {
  const [row] = await tx
    .select()
    .from(hosts)
    .where(eq(hosts.uuid, uuid))
    .for('update', skipLocked ? { skipLocked } : {})
  return row
}

/** Makes a run of the agent the one whose reports count, and takes its inventory. */
export async function storeHello(tx: Transaction, hostUuid: string, hello: Hello, now: Date): Promise<void> {
  // An agent that says hello again within the same run goes on counting its reports.
  const isSameRun = sql`${hosts.bootId} = ${hello.boot_id}`
  const unlessSameRun = (column: unknown, otherwise: number) =>
    sql`case when ${isSameRun} then ${column} else ${otherwise} end`
  await updateHost(tx, hostUuid, {
    bootId: hello.boot_id,
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
    engineAvailable: hello.engine.available,
    engineVersion: hello.engine.version,
    engineMessage: hello.engine.message,
  })
}

/** The host's cards as it lists them now; others of its cards are kept, as not present. A card may change hosts. */
export async function storeGpus(
  tx: Transaction,
  hostUuid: string,
  listed: readonly HostGpu[],
): Promise<void> {
  const uuids = listed.map(({ uuid }) => uuid)
  await tx
    .update(gpus)
    .set({ present: false })
    .where(and(eq(gpus.hostUuid, hostUuid), uuids.length > 0 ? notInArray(gpus.uuid, uuids) : undefined))
  if (listed.length === 0) return
  await tx
    .insert(gpus)
    .values(
      listed.map(({ uuid, index, name, memory_bytes: memoryBytes, simulated }) => ({
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
    })
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

/** Makes a new version of a locked host's target and wakes its agent, once the transaction commits. */
export async function bumpTarget(tx: Transaction, uuid: string): Promise<number> {
  const [[row]] = await Promise.all([
    tx
      .update(hosts)
      .set({ targetVersion: sql`${hosts.targetVersion} + 1` })
      .where(eq(hosts.uuid, uuid))
      .returning({ version: hosts.targetVersion }),
    tx.execute(sql`select pg_notify('gpulab_target', ${uuid})`),
  ])
  if (!row) throw new Error(`Host ${uuid} vanished`)
  return row.version
}

/** Wakes whoever serves the line, once the transaction commits: there may be room. */
export async function signalCapacity(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_notify('gpulab_capacity', '')`)
}

export async function insertHostEvent(
  tx: Transaction,
  event: Omit<typeof hostEvents.$inferInsert, 'id'>,
): Promise<void> {
  await tx.insert(hostEvents).values(event)
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
