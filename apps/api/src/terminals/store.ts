import { lt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { spentTickets } from '../db/schema/index.ts'

/** Whether it is the first use. */
export async function spendTicket(db: Queries, nonce: string, expiresAt: Date): Promise<boolean> {
  const rows = await db
    .insert(spentTickets)
    .values({ nonce, expiresAt })
    .onConflictDoNothing()
    .returning({ nonce: spentTickets.nonce })
  return rows.length > 0
}

export async function deleteTicketsBefore(db: Queries, moment: Date): Promise<void> {
  await db.delete(spentTickets).where(lt(spentTickets.expiresAt, moment))
}
