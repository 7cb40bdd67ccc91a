import { eq, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { prepareOnce } from '../db/prepare-once.ts'
import { apiKeys, teams, users } from '../db/schema/index.ts'

const columns = {
  id: apiKeys.id,
  name: apiKeys.name,
  hash: apiKeys.hash,
  scopes: apiKeys.scopes,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
  userUuid: users.uuid,
  email: users.email,
  role: users.role,
  isAdministrator: users.isAdministrator,
  disabledAt: users.disabledAt,
  teamUuid: teams.uuid,
  teamName: teams.name,
}

const selectApiKey = prepareOnce((db) =>
  db
    .select(columns)
    .from(apiKeys)
    .innerJoin(users, eq(users.uuid, apiKeys.userUuid))
    .innerJoin(teams, eq(teams.uuid, users.teamUuid))
    .where(eq(apiKeys.id, sql.placeholder('id')))
    .prepare('api_key'),
)

export async function findApiKey(db: Queries, id: string) {
  const [row] = await selectApiKey(db).execute({ id })
  return row
}
export type ApiKeyRow = NonNullable<Awaited<ReturnType<typeof findApiKey>>>

/**
 * The user of that address, as an owner and administrator; made in that team when missing. A user stays in the team that
 * it was made in.
 */
export async function ensureAdministrator(db: Queries, email: string, teamName: string): Promise<string> {
  await db.insert(teams).values({ name: teamName }).onConflictDoNothing()
  const [team] = await db.select({ uuid: teams.uuid }).from(teams).where(eq(teams.name, teamName))
  if (!team) throw new Error(`Team ${teamName} vanished`)
  const powers = { role: 'owner', isAdministrator: true } as const
  const [user] = await db
    .insert(users)
    .values({ email, teamUuid: team.uuid, ...powers })
    .onConflictDoUpdate({ target: users.email, set: { ...powers, disabledAt: null } })
    .returning({ uuid: users.uuid })
  if (!user) throw new Error(`User ${email} was not stored`)
  return user.uuid
}

/** Never back in time, whichever replica saw it. */
export async function noteUse(db: Queries, keyId: string, at: Date): Promise<void> {
  await db
    .update(apiKeys)
    .set({ lastUsedAt: sql`greatest(${apiKeys.lastUsedAt}, ${at.toISOString()}::timestamptz)` })
    .where(eq(apiKeys.id, keyId))
}

export async function insertApiKey(db: Queries, row: typeof apiKeys.$inferInsert): Promise<void> {
  await db.insert(apiKeys).values(row)
}
