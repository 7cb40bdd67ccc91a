import { and, asc, desc, eq, gt, gte, like, lt, or, type SQL } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { auditEntries, auditOutcomes, users } from '../db/schema/index.ts'

export interface AuditFilter {
  readonly team?: string | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
  /** With a `*` at its end: what begins so. */
  readonly action?: string | undefined
  readonly object?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const toCondition = ({ team, user, key, action, object, from, to }: AuditFilter): SQL | undefined =>
  and(
    team === undefined ? undefined : eq(auditEntries.teamUuid, team),
    user === undefined ? undefined : eq(auditEntries.userUuid, user),
    key === undefined ? undefined : eq(auditEntries.keyId, key),
    action === undefined ? undefined : isAction(action),
    object === undefined ? undefined : or(eq(auditEntries.object, object), isMade(object)),
    from === undefined ? undefined : gte(auditEntries.at, new Date(from)),
    to === undefined ? undefined : lt(auditEntries.at, new Date(to)),
  )

const isAction = (action: string): SQL =>
  action.endsWith('*')
    ? like(auditEntries.action, `${action.slice(0, -1).replaceAll(/[\\%_]/g, '\\$&')}%`)
    : eq(auditEntries.action, action)

/** Of what was made, only the outcome knows (see createServeAudited). */
const isMade = (object: string): SQL | undefined =>
  or(...['uuid', 'id'].map((key) => eq(auditOutcomes.outcome, JSON.stringify({ ok: true, [key]: object }))))

export type AuditRow = Awaited<ReturnType<typeof listAudit>>[number]

/** After or before an entry, in that direction. */
export const listAudit = (
  db: Queries,
  filter: AuditFilter,
  { after, before, limit }: { after?: number | undefined; before?: number | undefined; limit: number },
) =>
  db
    .select({ entry: auditEntries, outcome: auditOutcomes.outcome, email: users.email })
    .from(auditEntries)
    .leftJoin(auditOutcomes, eq(auditOutcomes.entryId, auditEntries.id))
    .leftJoin(users, eq(users.uuid, auditEntries.userUuid))
    .where(
      and(
        toCondition(filter),
        after === undefined ? undefined : gt(auditEntries.id, after),
        before === undefined ? undefined : lt(auditEntries.id, before),
      ),
    )
    .orderBy(after === undefined ? desc(auditEntries.id) : asc(auditEntries.id))
    .limit(limit)
