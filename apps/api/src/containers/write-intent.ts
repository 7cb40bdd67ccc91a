import type { Transaction } from '../db/connect.ts'
import { announceStatuses } from '../events/store.ts'
import { bumpTarget, signalCapacity } from '../hosts/store.ts'
import { recount } from '../leases/store.ts'
import { toAnnouncement } from './announce.ts'
import type { Placed } from './place-container.ts'
import { statusOf } from './status.ts'
import { type ContainerRecord, findAnyContainer, type NewContainer, updateContainer } from './store.ts'

type Change = Partial<NewContainer>

/**
 * Stores a change of intent and tells it to users and host. Whoever calls has locked the host, or the place in line of
 * one that has none.
 */
export async function writeIntent(
  tx: Transaction,
  { row }: ContainerRecord,
  change: Change,
  now: Date,
): Promise<void> {
  const { hostUuid } = row
  const targetVersion = hostUuid === null ? row.targetVersion : await bumpTarget(tx, hostUuid)
  await store(tx, row, { ...change, targetVersion }, now)
  if (hostUuid !== null) await recount(tx, hostUuid)
  // Those behind move on, and may have room now.
  else await signalCapacity(tx)
}

/** The same for one that gets a place by `placeContainer`, which takes care of its new host. */
export async function writePlace(
  tx: Transaction,
  { row }: ContainerRecord,
  change: Placed & Change,
  now: Date,
): Promise<void> {
  await store(tx, row, change, now)
  const { hostUuid: before } = row
  if (before === null || before === change.hostUuid) return
  await bumpTarget(tx, before)
  await recount(tx, before)
}

async function store(
  tx: Transaction,
  { uuid, teamUuid }: ContainerRecord['row'],
  change: Change,
  now: Date,
): Promise<void> {
  await updateContainer(tx, uuid, change)
  const changed = await findAnyContainer(tx, uuid)
  const announcement = changed
    ? toAnnouncement(changed, statusOf(changed.intent, changed.facts), now)
    : { uuid, teamUuid, status: 'deleted', reason: null, deadlineAt: null }
  await announceStatuses(tx, [announcement], now)
}
