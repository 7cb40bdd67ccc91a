import { and, asc, eq, gt, ilike, isNull, or, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { templates } from '../db/schema/index.ts'

export type TemplateRow = typeof templates.$inferSelect
export type NewTemplate = typeof templates.$inferInsert

/** Of all teams (null), or of one. */
const isOf = (teamUuid: string | null) =>
  and(
    isNull(templates.deletedAt),
    teamUuid === null ? isNull(templates.teamUuid) : eq(templates.teamUuid, teamUuid),
  )

const isSeenBy = (teamUuid: string) =>
  and(isNull(templates.deletedAt), or(isNull(templates.teamUuid), eq(templates.teamUuid, teamUuid)))

/** What a team may deploy; of two with the same name its own. */
export async function findTemplate(
  db: Queries,
  teamUuid: string,
  key: { uuid: string } | { name: string },
): Promise<TemplateRow | undefined> {
  const isIt = 'uuid' in key ? eq(templates.uuid, key.uuid) : eq(templates.name, key.name)
  const [row] = await db
    .select()
    .from(templates)
    .where(and(isSeenBy(teamUuid), isIt))
    .orderBy(sql`${templates.teamUuid} is null`)
    .limit(1)
  return row
}

/** Among those of all teams, or those of one. */
export async function findTemplateOf(
  db: Queries,
  teamUuid: string | null,
  uuid: string,
): Promise<TemplateRow | undefined> {
  const [row] = await db
    .select()
    .from(templates)
    .where(and(isOf(teamUuid), eq(templates.uuid, uuid)))
  return row
}

export interface TemplateQuery {
  readonly teamUuid: string
  readonly name: string | undefined
  readonly type: TemplateRow['type'] | undefined
  /** Where the page begins. */
  readonly after: { readonly name: string; readonly uuid: string } | undefined
  readonly limit: number
}

export const listTemplates = (
  db: Queries,
  { teamUuid, name, type, after, limit }: TemplateQuery,
): Promise<TemplateRow[]> =>
  db
    .select()
    .from(templates)
    .where(
      and(
        isSeenBy(teamUuid),
        name === undefined ? undefined : ilike(templates.name, `%${name.replaceAll(/[\\%_]/g, '\\$&')}%`),
        type && eq(templates.type, type),
        after &&
          or(
            gt(templates.name, after.name),
            and(eq(templates.name, after.name), gt(templates.uuid, after.uuid)),
          ),
      ),
    )
    .orderBy(asc(templates.name), asc(templates.uuid))
    .limit(limit)

/** Stores templates that come with GPULab, but those that somebody has changed or deleted; their uuids stay. */
export async function upsertTemplates(db: Queries, rows: readonly NewTemplate[]): Promise<void> {
  await db
    .insert(templates)
    .values([...rows])
    .onConflictDoUpdate({
      target: templates.name,
      targetWhere: sql`team_uuid is null`,
      set: {
        type: sql`excluded.type`,
        image: sql`excluded.image`,
        standInFor: sql`excluded.stand_in_for`,
        ports: sql`excluded.ports`,
        memoryBytes: sql`excluded.memory_bytes`,
        command: sql`excluded.command`,
      },
      setWhere: sql`${templates.changedAt} is null and ${templates.deletedAt} is null`,
    })
}

/** In the place of one of all teams that was deleted, whose name is kept; false where the name is taken. */
export async function insertTemplate(db: Queries, row: NewTemplate): Promise<boolean> {
  const isShared = (row.teamUuid ?? null) === null
  const insert = db.insert(templates).values(row)
  const stored = await (
    isShared
      ? insert.onConflictDoUpdate({
          target: templates.name,
          targetWhere: sql`team_uuid is null`,
          set: { ...row, deletedAt: null },
          setWhere: sql`${templates.deletedAt} is not null`,
        })
      : insert.onConflictDoNothing()
  ).returning({ uuid: templates.uuid })
  return stored.length > 0
}

export async function updateTemplate(db: Queries, uuid: string, values: Partial<NewTemplate>): Promise<void> {
  await db.update(templates).set(values).where(eq(templates.uuid, uuid))
}
