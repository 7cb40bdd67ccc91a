import type { Transaction } from '../db/connect.ts'
import { announceStatuses } from '../events/store.ts'
import { bumpTarget } from '../hosts/store.ts'
import { recount } from '../leases/store.ts'
import { toAnnouncement } from './announce.ts'
import { statusOf } from './status.ts'
import { type ContainerRecord, findAnyContainer, type NewContainer, updateContainer } from './store.ts'

/**
 * Stores a change of intent and tells it to users and host. Whoever calls has locked the host, or the place in line of
 * one that has none.
 */
export async function writeIntent(
  tx: Transaction,
  { row }: ContainerRecord,
  change: Partial<NewContainer>,
  now: Date,
): Promise<void> {
  const { uuid, teamUuid, hostUuid } = row
  const targetVersion = hostUuid === null ? row.targetVersion : await bumpTarget(tx, hostUuid)
  await updateContainer(tx, uuid, { ...change, targetVersion })
  const changed = await findAnyContainer(tx, uuid)
  const announcement = changed
    ? toAnnouncement(changed, statusOf(changed.intent, changed.facts), now)
    : { uuid, teamUuid, status: 'deleted', reason: null, deadlineAt: null }
  await announceStatuses(tx, [announcement], now)
  if (hostUuid !== null) await recount(tx, hostUuid)
}
