import { sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { gpus, gpuTypes } from '../db/schema/index.ts'

export type GpuTypeRow = typeof gpuTypes.$inferSelect

export const listGpuTypes = (db: Queries): Promise<GpuTypeRow[]> => db.select().from(gpuTypes)

/** Whether a type has a price, or some host has or had a card of it. */
export async function isKnownType(db: Queries, name: string): Promise<boolean> {
  const [row] = await db.execute<{ known: boolean }>(sql`select
    exists (select from ${gpuTypes} where ${gpuTypes.name} = ${name})
    or exists (select from ${gpus} where ${gpus.name} = ${name}) as known`)
  return row?.known ?? false
}

/** Adds types that are missing; prices that an administrator has set stay. */
export async function insertGpuTypes(
  db: Queries,
  rows: readonly (typeof gpuTypes.$inferInsert)[],
): Promise<void> {
  await db
    .insert(gpuTypes)
    .values([...rows])
    .onConflictDoNothing()
}

export async function storePrice(db: Queries, row: typeof gpuTypes.$inferInsert): Promise<void> {
  const { pricePerHour, currency } = row
  await db
    .insert(gpuTypes)
    .values(row)
    .onConflictDoUpdate({ target: gpuTypes.name, set: { pricePerHour, currency } })
}
