import { decideExpiry } from '../containers/decide-change.ts'
import { lockContainer } from '../containers/lock-container.ts'
import { findAnyContainer, listOverdue, updateContainer } from '../containers/store.ts'
import { isSilent } from '../containers/view.ts'
import { writeIntent } from '../containers/write-intent.ts'
import type { Deps } from '../deps.ts'

const batchSize = 200

/** Passes a verdict on each container whose passing status has outlasted its deadline. */
export async function endOverdue(deps: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  const now = deps.clock.now()
  for (let after: string | undefined, more = true; more;) {
    const batch = await listOverdue(deps.db, now, { after, limit: batchSize })
    for (const uuid of batch) {
      // One whose host is held by somebody, or that fails each time, must not keep the others waiting.
      await endOne(deps, uuid).catch((err: unknown) => {
        deps.log.error({ err, container: uuid }, 'a deadline could not be enforced; it will be tried again')
      })
    }
    after = batch.at(-1)
    more = batch.length === batchSize
  }
}

async function endOne({ db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>, uuid: string): Promise<void> {
  const found = await findAnyContainer(db, uuid)
  if (!found) return
  await db.transaction(async (tx) => {
    const locked = await lockContainer(tx, uuid, found.row.hostUuid, { skipLocked: true })
    if (!locked) return
    const { record, host } = locked
    const now = clock.now()
    const change = decideExpiry(record, isSilent(host?.lastSeenAt ?? null, now), now)
    // A report or another replica came first.
    if (!change) return
    if (change.verdictCode === undefined) return updateContainer(tx, uuid, change)
    const { announcedStatus: status } = record.row
    log.warn({ container: uuid, host: host?.name, status, code: change.verdictCode }, 'a deadline has passed')
    await writeIntent(tx, record, change, now)
  })
}
