import { createWriteTogether } from '../db/write-together.ts'
import { isBadValue } from '../db/errors.ts'
import { auditEntries, auditOutcomes } from '../db/schema/index.ts'
import type { Database } from '../db/connect.ts'

export interface AuditLog {
  /** Resolves with its id when it is stored. */
  enter(entry: typeof auditEntries.$inferInsert): Promise<number>
  /** Resolves when the outcome of an entry is stored. */
  close(outcome: typeof auditOutcomes.$inferInsert): Promise<void>
  /** Resolves when nothing is on its way. */
  settled(): Promise<void>
}

/** Under load, many records are one statement. */
export function createAuditLog(db: Database): AuditLog {
  const enter = createWriteTogether(async (rows: readonly (typeof auditEntries.$inferInsert)[]) => {
    const stored = await db
      .insert(auditEntries)
      .values([...rows])
      .returning({ id: auditEntries.id })
    return stored.map(({ id }) => id)
  }, isBadValue)
  const close = createWriteTogether(async (rows: readonly (typeof auditOutcomes.$inferInsert)[]) => {
    await db.insert(auditOutcomes).values([...rows])
    return rows.map(() => {})
  }, isBadValue)
  const open = new Set<Promise<unknown>>()
  const track = <T>(work: Promise<T>): Promise<T> => {
    const tracked = work.finally(() => open.delete(tracked))
    open.add(tracked)
    return tracked
  }
  return {
    enter,
    close: (outcome) => track(close(outcome)),
    settled: async () => {
      while (open.size > 0) await Promise.allSettled(open)
    },
  }
}
