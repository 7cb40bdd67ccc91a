import type { Sql } from './connect.ts'

/** The newest rows by number, in which a transaction of another server shows if there is any. */
const lookedAt = 1000
/** The first that a normal transaction can have, so older than all that run. */
const firstXid = '3'

/**
 * Events go by the ids of their transactions, which belong to one database server. In a backup that another server has
 * restored they may be of transactions that are still to come there: followers would wait for those. Such events count
 * as the oldest from now on, in the order of their numbers.
 */
export async function settleRestored(sql: Sql): Promise<void> {
  await sql`
    update events set xid = ${firstXid}::xid8
    where xid <> ${firstXid}::xid8 and exists (
      select from (select xid from events order by id desc limit ${lookedAt}) as newest
      where newest.xid >= pg_snapshot_xmax(pg_current_snapshot())
    )`
}
