import { and, asc, eq, gt, ilike, sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { templates } from '../db/schema/index.ts'

export type TemplateRow = typeof templates.$inferSelect

export async function findTemplate(
  db: Queries,
  key: { uuid: string } | { name: string },
): Promise<TemplateRow | undefined> {
  const [row] = await db
    .select()
    .from(templates)
    .where('uuid' in key ? eq(templates.uuid, key.uuid) : eq(templates.name, key.name))
  return row
}

export interface TemplateQuery {
  readonly name: string | undefined
  readonly type: TemplateRow['type'] | undefined
  /** Name that the page begins after. */
  readonly after: string | undefined
  readonly limit: number
}

export const listTemplates = (
  db: Queries,
  { name, type, after, limit }: TemplateQuery,
): Promise<TemplateRow[]> =>
  db
    .select()
    .from(templates)
    .where(
      and(
        name === undefined ? undefined : ilike(templates.name, `%${name.replaceAll(/[\\%_]/g, '\\$&')}%`),
        type && eq(templates.type, type),
        after === undefined ? undefined : gt(templates.name, after),
      ),
    )
    .orderBy(asc(templates.name))
    .limit(limit)

/** Stores templates that come with GPULab; their uuids stay. */
export async function upsertTemplates(
  db: Queries,
  rows: readonly (typeof templates.$inferInsert)[],
): Promise<void> {
  await db
    .insert(templates)
    .values([...rows])
    .onConflictDoUpdate({
      target: templates.name,
      set: {
        type: sql`excluded.type`,
        image: sql`excluded.image`,
        standInFor: sql`excluded.stand_in_for`,
        ports: sql`excluded.ports`,
        memoryBytes: sql`excluded.memory_bytes`,
        command: sql`excluded.command`,
      },
    })
}
