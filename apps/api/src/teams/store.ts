import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import type { QuotaRow } from '../quotas/store.ts'
import { quotas, teams } from '../db/schema/index.ts'

const columns = {
  uuid: teams.uuid,
  name: teams.name,
  prepaid: teams.prepaid,
  createdAt: teams.createdAt,
  quotas: sql<QuotaRow | null>`(
    select json_build_object('gpus', gpus, 'containers', containers, 'volumes', volumes, 'volumeBytes', volume_bytes, 'sessions', sessions)
    from ${quotas} where team_uuid = teams.uuid
  )`,
  users: sql<number>`(select count(*)::int from users where users.team_uuid = teams.uuid)`,
}

export type TeamRow = Awaited<ReturnType<typeof listTeams>>[number]

export const listTeams = (
  db: Queries,
  { name, after, limit }: { name: string | undefined; after: string | undefined; limit: number },
) =>
  db
    .select(columns)
    .from(teams)
    .where(
      and(
        name === undefined ? undefined : eq(teams.name, name),
        after === undefined ? undefined : gt(teams.name, after),
      ),
    )
    .orderBy(asc(teams.name))
    .limit(limit)

export async function findTeam(db: Queries, uuid: string): Promise<TeamRow | undefined> {
  const [row] = await db.select(columns).from(teams).where(eq(teams.uuid, uuid))
  return row
}

export async function insertTeam(db: Queries, row: typeof teams.$inferInsert): Promise<void> {
  await db.insert(teams).values(row)
}

export async function updateTeam(
  db: Queries,
  uuid: string,
  values: Partial<typeof teams.$inferInsert>,
): Promise<void> {
  await db.update(teams).set(values).where(eq(teams.uuid, uuid))
}
