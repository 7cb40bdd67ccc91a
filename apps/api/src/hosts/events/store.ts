import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm'
import type { Queries, Transaction } from '../../db/connect.ts'
import { hostEvents } from '../../db/schema/index.ts'

/** As `insertHostEvent`, unless one of its type was written within so long: for what a host may do again and again. */
export async function raiseHostEvent(
  tx: Transaction,
  event: Omit<typeof hostEvents.$inferInsert, 'id'>,
  restMs: number,
): Promise<void> {
  const [recent] = await tx
    .select({ id: hostEvents.id })
    .from(hostEvents)
    .where(
      and(
        eq(hostEvents.hostUuid, event.hostUuid),
        eq(hostEvents.type, event.type),
        gt(hostEvents.at, new Date(event.at.getTime() - restMs)),
      ),
    )
    .limit(1)
  if (!recent) await insertHostEvent(tx, event)
}

export async function insertHostEvent(
  tx: Transaction,
  event: Omit<typeof hostEvents.$inferInsert, 'id'>,
): Promise<void> {
  await tx.insert(hostEvents).values(event)
}

/** The newest of a host's events, the newest first. */
export const listHostEvents = (
  db: Queries,
  hostUuid: string,
  limit: number,
): Promise<Pick<typeof hostEvents.$inferSelect, 'at' | 'type' | 'message'>[]> =>
  db
    .select({ at: hostEvents.at, type: hostEvents.type, message: hostEvents.message })
    .from(hostEvents)
    .where(eq(hostEvents.hostUuid, hostUuid))
    .orderBy(desc(hostEvents.id))
    .limit(limit)

/** Looks at the oldest only, which costs the same however many there are. */
export async function deleteHostEventsBefore(db: Queries, moment: Date): Promise<void> {
  const oldest = db
    .select({ id: hostEvents.id, at: hostEvents.at })
    .from(hostEvents)
    .orderBy(asc(hostEvents.id))
    .limit(1000)
    .as('oldest')
  const past = db.select({ id: oldest.id }).from(oldest).where(lt(oldest.at, moment))
  await db.delete(hostEvents).where(inArray(hostEvents.id, past))
}
