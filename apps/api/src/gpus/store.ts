import { sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { gpus, gpuTypes } from '../db/schema/index.ts'

export type GpuTypeRow = typeof gpuTypes.$inferSelect

export const listGpuTypes = (db: Queries): Promise<GpuTypeRow[]> => db.select().from(gpuTypes)

/** Of each card of a type that has a price, or of which some host has or had one; undefined for no such type. */
export async function findTypeMemory(db: Queries, name: string): Promise<number | undefined> {
  const [row] = await db.execute<{ bytes: number | null }>(sql`select coalesce(
    (select max(memory_bytes) from ${gpus} where ${gpus.name} = ${name}),
    (select memory_bytes from ${gpuTypes} where ${gpuTypes.name} = ${name})
  )::float8 as bytes`)
  return row?.bytes ?? undefined
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
