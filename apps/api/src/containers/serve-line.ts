import type { Deps } from '../deps.ts'
import { announceStatuses, insertEvents } from '../events/store.ts'
import { toAnnouncement } from './announce.ts'
import type { Shortage } from './explain-shortage.ts'
import { placeContainer, toRequest } from './place-container.ts'
import { serveLine } from './queue.ts'
import { statusOf } from './status.ts'
import {
  type ContainerRow,
  findAnyContainer,
  listWaiting,
  lockWaiting,
  updateContainer,
  type WaitingRow,
} from './store.ts'

/** Places whom it can of those that wait in line. Replicas may do so at the same time. */
export async function placeWaiting(deps: Pick<Deps, 'db' | 'clock'>): Promise<void> {
  await serveLine(await listWaiting(deps.db), (waiting) => tryToPlace(deps, waiting))
}

class NoLongerWaiting extends Error {}

/** True when it does not wait any more. */
async function tryToPlace(deps: Pick<Deps, 'db' | 'clock'>, waiting: WaitingRow): Promise<boolean> {
  const { uuid } = waiting
  const record = await findAnyContainer(deps.db, uuid)
  if (!record || record.row.queuedAt === null) return true
  const { generation } = record.row
  try {
    const shortage = await placeContainer(
      deps,
      toRequest(record.row),
      { uuid, generation },
      async (tx, placed) => {
        // The transaction is given up with what it has taken.
        if (!(await lockWaiting(tx, uuid))) throw new NoLongerWaiting()
        await updateContainer(tx, uuid, placed)
        const now = deps.clock.now()
        const changed = await findAnyContainer(tx, uuid)
        if (!changed || changed.row.desired === 'deleted') throw new NoLongerWaiting()
        await announceStatuses(
          tx,
          [toAnnouncement(changed, statusOf(changed.intent, changed.facts), now)],
          now,
        )
      },
    )
    if (shortage && shortage.message !== waiting.queueReason) await tellReason(deps, record.row, shortage)
    return shortage === undefined
  } catch (error) {
    if (error instanceof NoLongerWaiting) return true
    throw error
  }
}

/** What is missing now, for those who follow its events. */
async function tellReason(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { uuid, teamUuid }: ContainerRow,
  { message }: Shortage,
): Promise<void> {
  await db.transaction(async (tx) => {
    if (!(await lockWaiting(tx, uuid))) return
    await updateContainer(tx, uuid, { queueReason: message })
    const status = { type: 'status', status: 'queued', at: clock.now() } as const
    await insertEvents(tx, [{ containerUuid: uuid, teamUuid, message, ...status }])
  })
}
