import { and, asc, count, gt, isNull, lt, ne } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { hosts, replicas } from '../db/schema/index.ts'

export async function upsertReplica(db: Queries, uplinkUrl: string, now: Date): Promise<void> {
  await db
    .insert(replicas)
    .values({ uplinkUrl, seenAt: now })
    .onConflictDoUpdate({ target: replicas.uplinkUrl, set: { seenAt: now } })
}

export async function listReplicasSince(db: Queries, moment: Date): Promise<string[]> {
  const rows = await db
    .select({ uplinkUrl: replicas.uplinkUrl })
    .from(replicas)
    .where(gt(replicas.seenAt, moment))
    .orderBy(asc(replicas.uplinkUrl))
  return rows.map(({ uplinkUrl }) => uplinkUrl)
}

export async function hasOtherReplicaSince(db: Queries, uplinkUrl: string, moment: Date): Promise<boolean> {
  const others = and(ne(replicas.uplinkUrl, uplinkUrl), gt(replicas.seenAt, moment))
  const rows = await db.select({ uplinkUrl: replicas.uplinkUrl }).from(replicas).where(others).limit(1)
  return rows.length > 0
}

export async function countHostsSince(db: Queries, moment: Date): Promise<number> {
  const [row] = await db
    .select({ number: count() })
    .from(hosts)
    .where(and(isNull(hosts.removedAt), gt(hosts.lastSeenAt, moment)))
  return row?.number ?? 0
}

export async function deleteReplicasBefore(db: Queries, moment: Date): Promise<void> {
  await db.delete(replicas).where(lt(replicas.seenAt, moment))
}
