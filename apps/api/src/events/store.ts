import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { containers, events } from '../db/schema/index.ts'

export type EventRow = typeof events.$inferSelect
export type NewEvent = Omit<typeof events.$inferInsert, 'id'>

/** Stores events and wakes whoever follows them, once the transaction commits. Repeated lines are dropped. */
export async function insertEvents(db: Queries, rows: readonly NewEvent[]): Promise<void> {
  if (rows.length === 0) return
  const containerUuids = [...new Set(rows.map(({ containerUuid }) => containerUuid))]
  await Promise.all([
    db
      .insert(events)
      .values([...rows])
      .onConflictDoNothing(),
    ...containerUuids.map((uuid) => db.execute(sql`select pg_notify('gpulab_event', ${uuid})`)),
  ])
}

/** Remembers the status that users have been told, with the event that tells them. */
export async function announceStatus(
  db: Queries,
  containerUuid: string,
  status: { status: string; reason: { code: string; message: string } | null },
  at: Date,
): Promise<void> {
  await db
    .update(containers)
    .set({ announcedStatus: status.status, announcedAt: at })
    .where(eq(containers.uuid, containerUuid))
  const { code, message } = status.reason ?? { code: null, message: status.status }
  await insertEvents(db, [
    { containerUuid, at, type: 'status', status: status.status, reason: code, message },
  ])
}

const batchMax = 500

export const listEvents = (
  db: Queries,
  containerUuid: string,
  after: number,
  type?: EventRow['type'],
): Promise<EventRow[]> =>
  db
    .select()
    .from(events)
    .where(and(eq(events.containerUuid, containerUuid), gt(events.id, after), type && eq(events.type, type)))
    .orderBy(asc(events.id))
    .limit(batchMax)
