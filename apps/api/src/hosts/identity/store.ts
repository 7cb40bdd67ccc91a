import { and, eq, isNull, lt, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../../db/connect.ts'
import { hosts, joinTokens } from '../../db/schema/index.ts'

/** Who a host is, without what it says of itself. */
export interface HostIdentity {
  readonly uuid: string
  readonly name: string
  readonly publicKey: Buffer
}

const identity = { uuid: hosts.uuid, name: hosts.name, publicKey: hosts.publicKey }

/** By uuid; a removed host is none. */
export async function findHostIdentity(db: Queries, uuid: string): Promise<HostIdentity | undefined> {
  const [row] = await db
    .select(identity)
    .from(hosts)
    .where(and(eq(hosts.uuid, uuid), isNull(hosts.removedAt)))
  return row
}

/** Counts a proof of its key and gives its number; undefined for a host that was removed meanwhile. */
export async function countConnect(db: Queries, uuid: string): Promise<number | undefined> {
  const [row] = await db
    .update(hosts)
    .set({ connects: sql`${hosts.connects} + 1` })
    .where(and(eq(hosts.uuid, uuid), isNull(hosts.removedAt)))
    .returning({ connects: hosts.connects })
  return row?.connects
}

export async function lockHostOfName(
  tx: Transaction,
  name: string,
): Promise<(HostIdentity & { readonly lastSeenAt: Date | null }) | undefined> {
  const [row] = await tx
    .select({ ...identity, lastSeenAt: hosts.lastSeenAt })
    .from(hosts)
    .where(and(eq(hosts.name, name), isNull(hosts.removedAt)))
    .for('update')
  return row
}

/** Undefined if another transaction has given the name away meanwhile. */
export async function insertHost(
  tx: Transaction,
  { name, publicKey }: Pick<HostIdentity, 'name' | 'publicKey'>,
  now: Date,
): Promise<string | undefined> {
  const [row] = await tx
    .insert(hosts)
    .values({ name, publicKey, joinedAt: now, stateSince: now })
    .onConflictDoNothing()
    .returning({ uuid: hosts.uuid })
  return row?.uuid
}

/** Gives a host another key. The run of the agent that had the old one does not count any more. */
export async function rekeyHost(tx: Transaction, uuid: string, publicKey: Buffer, now: Date): Promise<void> {
  await tx
    .update(hosts)
    .set({ publicKey, joinedAt: now, bootId: null, lastSeq: 0, reportSeq: 0, reportedVersion: -1 })
    .where(eq(hosts.uuid, uuid))
  await announceIdentity(tx, uuid)
}

/**
 * Tells every replica, once the transaction commits, that a host was removed or has another key: each hangs up on
 * the agent that is this host no more.
 */
export async function announceIdentity(tx: Transaction, uuid: string): Promise<void> {
  await tx.execute(sql`select pg_notify('gpulab_host', ${uuid})`)
}

export type JoinTokenRow = typeof joinTokens.$inferSelect

export async function findJoinToken(db: Queries, id: string): Promise<JoinTokenRow | undefined> {
  const [row] = await db.select().from(joinTokens).where(eq(joinTokens.id, id))
  return row
}

/** Locks a token: whoever joins with it takes turns, so that it is used as often as it may be. */
export async function lockJoinToken(tx: Transaction, id: string): Promise<JoinTokenRow | undefined> {
  const [row] = await tx.select().from(joinTokens).where(eq(joinTokens.id, id)).for('update')
  return row
}

export async function useJoinToken(tx: Transaction, id: string): Promise<void> {
  await tx
    .update(joinTokens)
    .set({ usesLeft: sql`${joinTokens.usesLeft} - 1` })
    .where(eq(joinTokens.id, id))
}

const keptAfterExpiryMs = 7 * 24 * 3_600_000

/** Stores a token, and forgets those that expired long ago. */
export async function insertJoinToken(tx: Transaction, row: typeof joinTokens.$inferInsert): Promise<void> {
  const longAgo = new Date(row.createdAt.getTime() - keptAfterExpiryMs)
  await tx.delete(joinTokens).where(lt(joinTokens.expiresAt, longAgo))
  await tx.insert(joinTokens).values(row)
}
