import { and, count, eq, inArray, isNull, ne, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { prepareOnce } from '../db/prepare-once.ts'
import { containers, quotas, sessionClaims } from '../db/schema/index.ts'

export type QuotaRow = Omit<typeof quotas.$inferSelect, 'teamUuid'>

const columns = {
  gpus: quotas.gpus,
  containers: quotas.containers,
  volumes: quotas.volumes,
  volumeBytes: quotas.volumeBytes,
  sessions: quotas.sessions,
}

export const noQuota: QuotaRow = {
  gpus: null,
  containers: null,
  volumes: null,
  volumeBytes: null,
  sessions: null,
}

const selectQuota = prepareOnce((db) =>
  db
    .select(columns)
    .from(quotas)
    .where(eq(quotas.teamUuid, sql.placeholder('teamUuid')))
    .prepare('quota'),
)

export async function findQuota(db: Queries, teamUuid: string): Promise<QuotaRow | undefined> {
  const [row] = await selectQuota(db).execute({ teamUuid })
  return row
}

/**
 * Holds a team's quota, so that those who count against it take turns. Whoever also locks hosts has locked them before.
 * Undefined, and nothing held, for a team that has none.
 */
export async function lockQuota(tx: Transaction, teamUuid: string): Promise<QuotaRow | undefined> {
  const [row] = await tx.select(columns).from(quotas).where(eq(quotas.teamUuid, teamUuid)).for('update')
  return row
}

export async function storeQuota(db: Queries, teamUuid: string, values: QuotaRow): Promise<void> {
  await db
    .insert(quotas)
    .values({ teamUuid, ...values })
    .onConflictDoUpdate({ target: quotas.teamUuid, set: values })
}

/** What a team has that counts: what is being deleted does not, nor do the cards of what is at rest. */
export async function countContainers(
  db: Queries,
  teamUuid: string,
): Promise<{ containers: number; gpus: number }> {
  const [row] = await db
    .select({
      containers: count(),
      gpus: sql<number>`coalesce(sum(gpu_count) filter (where holds or queued_at is not null), 0)::int`,
    })
    .from(containers)
    .where(
      and(eq(containers.teamUuid, teamUuid), isNull(containers.deletedAt), ne(containers.desired, 'deleted')),
    )
  return row ?? { containers: 0, gpus: 0 }
}

export interface SessionClaim {
  readonly id: string
  readonly containerUuid: string
}

export interface ListedClaim extends SessionClaim {
  readonly claimedAt: Date
}

/** Without those of containers that are gone. */
export const listClaims = (db: Queries, teamUuid: string): Promise<ListedClaim[]> =>
  db
    .select({
      id: sessionClaims.id,
      containerUuid: sessionClaims.containerUuid,
      claimedAt: sessionClaims.claimedAt,
    })
    .from(sessionClaims)
    .innerJoin(containers, eq(containers.uuid, sessionClaims.containerUuid))
    .where(and(eq(sessionClaims.teamUuid, teamUuid), isNull(containers.deletedAt)))

export async function insertClaim(
  db: Queries,
  claim: ListedClaim & { readonly teamUuid: string },
): Promise<void> {
  await db.insert(sessionClaims).values(claim)
}

export async function deleteClaims(db: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db.delete(sessionClaims).where(inArray(sessionClaims.id, [...ids]))
}
