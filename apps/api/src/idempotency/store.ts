import { and, eq, lt, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { prepareOnce } from '../db/prepare-once.ts'
import { auditEntries, idempotencyKeys } from '../db/schema/index.ts'

export type KeyRow = typeof idempotencyKeys.$inferSelect

export async function findKey(db: Queries, userUuid: string, key: string): Promise<KeyRow | undefined> {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userUuid, userUuid), eq(idempotencyKeys.key, key)))
  return row
}

const insertOne = prepareOnce((db) =>
  db
    .insert(idempotencyKeys)
    .values({
      userUuid: sql.placeholder('userUuid'),
      key: sql.placeholder('key'),
      fingerprint: sql.placeholder('fingerprint'),
      resource: sql.placeholder('resource'),
      createdAt: sql.placeholder('createdAt'),
    })
    .prepare('idempotency_key'),
)

export async function insertKey(db: Queries, row: KeyRow): Promise<void> {
  await insertOne(db).execute(row)
}

/** With the audit entry of what is about to be done: neither is stored without the other. Gives the entry's id. */
export async function insertKeyAndEntry(
  db: Queries,
  { userUuid, key, fingerprint, resource, createdAt }: KeyRow,
  { teamUuid, keyId, requestId, action, containerUuid, object, detail }: typeof auditEntries.$inferInsert,
): Promise<number> {
  const [row] = await db.execute<{ id: string }>(sql`
    with kept as (
      insert into ${idempotencyKeys} (user_uuid, key, fingerprint, resource, created_at)
      values (${userUuid}, ${key}, ${fingerprint}, ${resource}, ${createdAt.toISOString()})
      returning user_uuid
    )
    insert into ${auditEntries} (team_uuid, user_uuid, key_id, request_id, action, container_uuid, object, detail)
    select ${teamUuid}::uuid, user_uuid, ${keyId}::text, ${requestId}::text, ${action}::text,
      ${containerUuid ?? null}::uuid, ${object ?? null}::text, ${detail}::text
    from kept
    returning id`)
  return Number(row?.id)
}

export async function deleteKey(db: Queries, userUuid: string, key: string): Promise<void> {
  await db
    .delete(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userUuid, userUuid), eq(idempotencyKeys.key, key)))
}

export async function deleteKeysBefore(db: Queries, moment: Date): Promise<void> {
  await db.delete(idempotencyKeys).where(lt(idempotencyKeys.createdAt, moment))
}
