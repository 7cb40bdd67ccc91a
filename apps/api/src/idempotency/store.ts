import { and, eq, lt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { idempotencyKeys } from '../db/schema/index.ts'

export type KeyRow = typeof idempotencyKeys.$inferSelect

export async function findKey(db: Queries, userUuid: string, key: string): Promise<KeyRow | undefined> {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userUuid, userUuid), eq(idempotencyKeys.key, key)))
  return row
}

export async function insertKey(db: Queries, row: typeof idempotencyKeys.$inferInsert): Promise<void> {
  await db.insert(idempotencyKeys).values(row)
}

export async function deleteKey(db: Queries, userUuid: string, key: string): Promise<void> {
  await db
    .delete(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userUuid, userUuid), eq(idempotencyKeys.key, key)))
}

export async function deleteKeysBefore(db: Queries, moment: Date): Promise<void> {
  await db.delete(idempotencyKeys).where(lt(idempotencyKeys.createdAt, moment))
}
