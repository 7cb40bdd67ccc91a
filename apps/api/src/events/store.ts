import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { events } from '../db/schema/index.ts'
import { toJsonRows } from '../db/to-json-rows.ts'

export type EventRow = typeof events.$inferSelect
export type NewEvent = Omit<typeof events.$inferInsert, 'id' | 'xid'>

/** Stores events and wakes whoever follows them, once the transaction commits. Repeated lines are dropped. */
export async function insertEvents(db: Queries, rows: readonly NewEvent[]): Promise<void> {
  if (rows.length === 0) return
  const followed = new Set(rows.flatMap(({ containerUuid, teamUuid }) => [containerUuid, teamUuid]))
  await db.execute(sql`
    with stored as (
      insert into events (at, team_uuid, container_uuid, type, status, reason, message, source)
      select coalesce(at, now()), "teamUuid", "containerUuid", type, status, reason, message, source
      from jsonb_to_recordset(${toJsonRows(rows)}::text::jsonb) as rows (
        at timestamptz, "teamUuid" uuid, "containerUuid" uuid, type text, status text, reason text, message text, source text
      )
      on conflict do nothing
    )
    select pg_notify('gpulab_event', uuid) from unnest(${sql.param([...followed])}::text[]) as uuid`)
}

/** What users are told of a container's status. */
export interface Announcement {
  readonly uuid: string
  readonly teamUuid: string
  readonly status: string
  readonly reason: { readonly code: string; readonly message: string } | null
  /** By when a passing status has to end. */
  readonly deadlineAt: Date | null
}

/** Remembers the statuses that users have been told, with the events that tell them. */
export async function announceStatuses(
  tx: Transaction,
  announcements: readonly Announcement[],
  at: Date,
): Promise<void> {
  if (announcements.length === 0) return
  const listOf = (get: (one: Announcement) => string | null) => sql.param(announcements.map(get))
  await Promise.all([
    tx.execute(sql`
      update containers set
        announced_status = news.status, announced_reason = news.reason, announced_at = ${at},
        deadline_at = news.deadline_at
      from unnest(
        ${listOf(({ uuid }) => uuid)}::uuid[], ${listOf(({ status }) => status)}::text[],
        ${listOf(({ reason }) => reason?.code ?? null)}::text[],
        ${listOf(({ deadlineAt }) => deadlineAt?.toISOString() ?? null)}::timestamptz[]
      ) as news (uuid, status, reason, deadline_at)
      where containers.uuid = news.uuid`),
    insertEvents(
      tx,
      announcements.map(({ uuid, teamUuid, status, reason }) => ({
        containerUuid: uuid,
        teamUuid,
        at,
        type: 'status' as const,
        status,
        reason: reason?.code ?? null,
        message: reason?.message ?? status,
      })),
    ),
  ])
}

const batchMax = 500

/** In the order of their numbers: whoever writes events of a container holds its host or its place in line. */
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

/** Where a reader of a team's events stands. */
export interface TeamPosition {
  readonly xid: string
  readonly id: number
}

/**
 * A team's events after `after`, only of transactions older than all that still run: none can appear in front of them
 * any more. `isMoreComing` says that there are newer ones, which will be readable in a moment.
 */
export async function listTeamEvents(
  db: Queries,
  teamUuid: string,
  after: TeamPosition,
  type?: EventRow['type'],
): Promise<{ events: EventRow[]; isMoreComing: boolean }> {
  const isAfter = sql`(${events.xid}, ${events.id}) > (${after.xid}::xid8, ${after.id})`
  const isSettled = sql`${events.xid} < pg_snapshot_xmin(pg_current_snapshot())`
  const isWanted = and(eq(events.teamUuid, teamUuid), isAfter, type && eq(events.type, type))
  // Past the settled ones, so that it costs nothing while all are.
  const rows = await db
    .select({ event: events, isSettled: sql<boolean>`${isSettled}` })
    .from(events)
    .where(isWanted)
    .orderBy(asc(events.xid), asc(events.id))
    .limit(batchMax)
  const settled = rows.filter((row) => row.isSettled).map(({ event }) => event)
  return { events: settled, isMoreComing: settled.length < rows.length }
}

/** Where the events that are readable now end. */
export async function findTeamEnd(db: Queries): Promise<TeamPosition> {
  const [row] = await db.execute<{ xid: string }>(
    sql`select pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
  )
  return { xid: row?.xid ?? '0', id: 0 }
}
