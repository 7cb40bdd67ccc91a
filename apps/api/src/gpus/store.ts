import type { Queries } from '../db/connect.ts'
import { gpus, gpuTypes } from '../db/schema/index.ts'

export type GpuTypeRow = typeof gpuTypes.$inferSelect

export const listGpuTypes = (db: Queries): Promise<GpuTypeRow[]> => db.select().from(gpuTypes)

/** Names of cards that some host has or had. */
export async function listCardNames(db: Queries): Promise<string[]> {
  const rows = await db.selectDistinct({ name: gpus.name }).from(gpus)
  return rows.map(({ name }) => name)
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
