import { isSilent, shownStatus } from '../../../../apps/api/src/containers/view.ts'
import { placeWaiting } from './serve-line.ts'
import {
  announce,
  findRecord,
  getHost,
  listRecordsOfHost,
  type Model,
  transact,
  updateContainer,
  writeIntent,
} from './tables.ts'

const keyLifeMs = 24 * 3600_000

/** As sweep/run-sweep.ts. */
export async function sweep(model: Model): Promise<void> {
  tellCutOff(model)
  await model.pause()
  endOverdue(model)
  await placeWaiting(model)
  const { keys } = model.tables
  const oldest = model.now().getTime() - keyLifeMs
  for (const [key, { createdAt }] of keys) if (createdAt.getTime() < oldest) keys.delete(key)
}

function tellCutOff(model: Model): void {
  const now = model.now()
  for (const uuid of model.tables.hosts.keys()) {
    transact(model, () => {
      if (!isSilent(getHost(model, uuid).lastSeenAt, now)) return
      for (const record of listRecordsOfHost(model, uuid)) {
        const view = shownStatus(record, now)
        const { announcedStatus, deadlineAt } = record.row
        if (view.status !== 'unreachable' || announcedStatus === 'unreachable') continue
        announce(model, record, view, now, deadlineAt)
      }
    })
  }
}

function endOverdue(model: Model): void {
  const now = model.now()
  const overdue = [...model.tables.containers.values()]
    .filter(({ deadlineAt, deletedAt }) => deadlineAt !== null && deadlineAt <= now && deletedAt === null)
    .toSorted((a, b) => Number(a.deadlineAt) - Number(b.deadlineAt))
  for (const { uuid } of overdue) {
    transact(model, () => {
      const record = findRecord(model, uuid)
      if (!record) return
      const change = model.decide.decideExpiry(record, isSilent(record.host?.lastSeenAt ?? null, now), now)
      if (!change) return
      if (change.verdictCode === undefined) updateContainer(model, uuid, change)
      else writeIntent(model, record, change, now)
    })
  }
}
