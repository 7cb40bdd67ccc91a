import type { Transaction } from '../db/connect.ts'
import { type LockedHost, lockHost } from '../hosts/store.ts'
import { type ContainerRecord, findAnyContainer, lockWaiting } from './store.ts'

export interface LockedContainer {
  readonly record: ContainerRecord
  /** Undefined while it waits in line. */
  readonly host: LockedHost | undefined
}

/**
 * Locks a container by its host, or by its place in line where it has none, and reads it anew. Undefined when it was
 * placed elsewhere meanwhile, or is gone; or, with `skipLocked`, while somebody else holds its host.
 */
export async function lockContainer(
  tx: Transaction,
  uuid: string,
  hostUuid: string | null,
  options?: { skipLocked: boolean },
): Promise<LockedContainer | undefined> {
  const host = hostUuid === null ? undefined : await lockHost(tx, hostUuid, options)
  if (!host && (hostUuid !== null || !(await lockWaiting(tx, uuid)))) return undefined
  const record = await findAnyContainer(tx, uuid)
  return record?.row.hostUuid === hostUuid ? { record, host } : undefined
}
