import { asc, gt, lt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { gateways } from '../db/schema/index.ts'

export async function upsertGateway(db: Queries, uplinkUrl: string, now: Date): Promise<void> {
  await db
    .insert(gateways)
    .values({ uplinkUrl, seenAt: now })
    .onConflictDoUpdate({ target: gateways.uplinkUrl, set: { seenAt: now } })
}

export async function listGatewaysSince(db: Queries, moment: Date): Promise<string[]> {
  const rows = await db
    .select({ uplinkUrl: gateways.uplinkUrl })
    .from(gateways)
    .where(gt(gateways.seenAt, moment))
    .orderBy(asc(gateways.uplinkUrl))
  return rows.map(({ uplinkUrl }) => uplinkUrl)
}

export async function deleteGatewaysBefore(db: Queries, moment: Date): Promise<void> {
  await db.delete(gateways).where(lt(gateways.seenAt, moment))
}
