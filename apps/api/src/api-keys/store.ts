import { and, desc, eq, isNull, lt, or } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import type { Position } from '../db/page.ts'
import { apiKeys, users } from '../db/schema/index.ts'

const columns = {
  id: apiKeys.id,
  name: apiKeys.name,
  scopes: apiKeys.scopes,
  createdAt: apiKeys.createdAt,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
  lastUsedAt: apiKeys.lastUsedAt,
  userUuid: users.uuid,
  email: users.email,
  disabledAt: users.disabledAt,
}

/** Of whom; all of a field where it is left out. */
export interface Owner {
  readonly userUuid?: string | undefined
  readonly teamUuid?: string | undefined
}

const isOf = ({ userUuid, teamUuid }: Owner) =>
  and(
    userUuid === undefined ? undefined : eq(users.uuid, userUuid),
    teamUuid === undefined ? undefined : eq(users.teamUuid, teamUuid),
  )

const selectKeys = (db: Queries) =>
  db.select(columns).from(apiKeys).innerJoin(users, eq(users.uuid, apiKeys.userUuid))

export type ListedKey = Awaited<ReturnType<typeof listKeys>>[number]

export const listKeys = (
  db: Queries,
  owner: Owner,
  { after, limit }: { after: Position | undefined; limit: number },
) =>
  selectKeys(db)
    .where(
      and(
        isOf(owner),
        after &&
          or(
            lt(apiKeys.createdAt, after.at),
            and(eq(apiKeys.createdAt, after.at), lt(apiKeys.id, after.uuid)),
          ),
      ),
    )
    .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
    .limit(limit)

export async function findKeyOf(db: Queries, owner: Owner, id: string): Promise<ListedKey | undefined> {
  const [row] = await selectKeys(db).where(and(isOf(owner), eq(apiKeys.id, id)))
  return row
}

export async function revokeKey(db: Queries, id: string, at: Date): Promise<void> {
  await db
    .update(apiKeys)
    .set({ revokedAt: at })
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
}
