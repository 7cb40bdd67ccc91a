import { and, asc, eq, gt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { registryLogins } from '../db/schema/index.ts'

export type RegistryLoginRow = typeof registryLogins.$inferSelect

/** By registry. */
export const listLogins = (
  db: Queries,
  teamUuid: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<RegistryLoginRow[]> =>
  db
    .select()
    .from(registryLogins)
    .where(
      and(
        eq(registryLogins.teamUuid, teamUuid),
        after === undefined ? undefined : gt(registryLogins.registry, after),
      ),
    )
    .orderBy(asc(registryLogins.registry))
    .limit(limit)

export async function upsertLogin(
  db: Queries,
  { teamUuid, registry, ...set }: RegistryLoginRow,
): Promise<void> {
  await db
    .insert(registryLogins)
    .values({ teamUuid, registry, ...set })
    .onConflictDoUpdate({ target: [registryLogins.teamUuid, registryLogins.registry], set })
}

/** False where there was none. */
export async function deleteLogin(db: Queries, teamUuid: string, registry: string): Promise<boolean> {
  const deleted = await db
    .delete(registryLogins)
    .where(and(eq(registryLogins.teamUuid, teamUuid), eq(registryLogins.registry, registry)))
    .returning({ registry: registryLogins.registry })
  return deleted.length > 0
}
