import { eq } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
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
  teamUuid: teams.uuid,
  teamName: teams.name,
}

export async function findApiKey(db: Queries, id: string) {
  const [row] = await db
    .select(columns)
    .from(apiKeys)
    .innerJoin(users, eq(users.uuid, apiKeys.userUuid))
    .innerJoin(teams, eq(teams.uuid, users.teamUuid))
    .where(eq(apiKeys.id, id))
  return row
}
export type ApiKeyRow = NonNullable<Awaited<ReturnType<typeof findApiKey>>>

/** The user of that address in that team, made when missing. A user stays in the team that it was made in. */
export async function ensureUser(db: Queries, email: string, teamName: string): Promise<string> {
  const [existing] = await db.select({ uuid: users.uuid }).from(users).where(eq(users.email, email))
  if (existing) return existing.uuid
  await db.insert(teams).values({ name: teamName }).onConflictDoNothing()
  const [team] = await db.select({ uuid: teams.uuid }).from(teams).where(eq(teams.name, teamName))
  if (!team) throw new Error(`Team ${teamName} vanished`)
  const [user] = await db.insert(users).values({ email, teamUuid: team.uuid }).returning({ uuid: users.uuid })
  if (!user) throw new Error(`User ${email} was not stored`)
  return user.uuid
}

export async function insertApiKey(db: Queries, row: typeof apiKeys.$inferInsert): Promise<void> {
  await db.insert(apiKeys).values(row)
}
