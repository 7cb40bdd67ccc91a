import { and, asc, eq, gt } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import { sshKeys } from '../db/schema/index.ts'

export type SshKeyRow = typeof sshKeys.$inferSelect

export const listSshKeys = (
  db: Queries,
  userUuid: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<SshKeyRow[]> =>
  db
    .select()
    .from(sshKeys)
    .where(and(eq(sshKeys.userUuid, userUuid), after === undefined ? undefined : gt(sshKeys.name, after)))
    .orderBy(asc(sshKeys.name))
    .limit(limit)

export async function findSshKey(
  db: Queries,
  userUuid: string,
  uuid: string,
): Promise<SshKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(sshKeys)
    .where(and(eq(sshKeys.userUuid, userUuid), eq(sshKeys.uuid, uuid)))
  return row
}

export async function insertSshKey(db: Queries, row: SshKeyRow): Promise<void> {
  await db.insert(sshKeys).values(row)
}

export async function deleteSshKey(db: Queries, uuid: string): Promise<void> {
  await db.delete(sshKeys).where(eq(sshKeys.uuid, uuid))
}
