import { and, asc, eq, gt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { teams, users } from '../db/schema/index.ts'

const columns = {
  uuid: users.uuid,
  email: users.email,
  role: users.role,
  isAdministrator: users.isAdministrator,
  disabledAt: users.disabledAt,
  createdAt: users.createdAt,
  teamUuid: teams.uuid,
  teamName: teams.name,
}

const selectUsers = (db: Queries) =>
  db.select(columns).from(users).innerJoin(teams, eq(teams.uuid, users.teamUuid))

export type UserRow = Awaited<ReturnType<typeof listUsers>>[number]

export const listUsers = (
  db: Queries,
  query: {
    readonly email: string | undefined
    readonly teamUuid: string | undefined
    /** Address that the page begins after. */
    readonly after: string | undefined
    readonly limit: number
  },
) =>
  selectUsers(db)
    .where(
      and(
        query.email === undefined ? undefined : eq(users.email, query.email.toLowerCase()),
        query.teamUuid === undefined ? undefined : eq(users.teamUuid, query.teamUuid),
        query.after === undefined ? undefined : gt(users.email, query.after),
      ),
    )
    .orderBy(asc(users.email))
    .limit(query.limit)

export async function findUser(db: Queries, uuid: string): Promise<UserRow | undefined> {
  const [row] = await selectUsers(db).where(eq(users.uuid, uuid))
  return row
}

export async function insertUser(db: Queries, row: typeof users.$inferInsert): Promise<void> {
  await db.insert(users).values(row)
}

export async function updateUser(
  db: Queries,
  uuid: string,
  values: Partial<typeof users.$inferInsert>,
): Promise<void> {
  await db.update(users).set(values).where(eq(users.uuid, uuid))
}
