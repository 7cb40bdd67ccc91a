import type { Hello, HostGpu } from '@gpulab/contract'
import { and, eq, notInArray, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { gpus, hosts } from '../db/schema/index.ts'

export type HostRow = typeof hosts.$inferSelect

export async function findHostByName(db: Queries, name: string): Promise<HostRow | undefined> {
  const [row] = await db.select().from(hosts).where(eq(hosts.name, name))
  return row
}

/**
 * Locks a host: changes of intent and reports take turns on it. Whoever also locks containers locks the host first.
 */
export async function lockHost(tx: Transaction, uuid: string): Promise<HostRow | undefined> {
  const [row] = await tx.select().from(hosts).where(eq(hosts.uuid, uuid)).for('update')
  return row
}

/** Makes a new run of the agent the one whose reports count. */
export async function upsertHost(tx: Transaction, name: string, hello: Hello, now: Date): Promise<string> {
  const values = {
    name,
    bootId: hello.boot_id,
    lastSeq: 0,
    lastSeenAt: now,
    agentVersion: hello.agent_version,
    cpus: hello.cpus,
    memoryBytes: hello.memory_bytes,
    engineAvailable: hello.engine.available,
    engineVersion: hello.engine.version,
    engineMessage: hello.engine.message,
  }
  // An agent that says hello again within the same run goes on counting its reports.
  const lastSeq = sql`case when ${hosts.bootId} = excluded.boot_id then ${hosts.lastSeq} else 0 end`
  const [row] = await tx
    .insert(hosts)
    .values(values)
    .onConflictDoUpdate({ target: hosts.name, set: { ...values, lastSeq } })
    .returning({ uuid: hosts.uuid })
  if (!row) throw new Error(`Host ${name} was not stored`)
  return row.uuid
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
  for (const { uuid, index, name, memory_bytes: memoryBytes, simulated } of listed) {
    const values = { hostUuid, index, name, memoryBytes, simulated, present: true }
    await tx
      .insert(gpus)
      .values({ uuid, ...values })
      .onConflictDoUpdate({ target: gpus.uuid, set: values })
  }
}

export async function updateHost(
  tx: Transaction,
  uuid: string,
  values: Partial<typeof hosts.$inferInsert>,
): Promise<void> {
  await tx.update(hosts).set(values).where(eq(hosts.uuid, uuid))
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
