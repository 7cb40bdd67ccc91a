import { listContainersOfHost } from '../containers/store.ts'
import { hostSilenceMs, isSilent, shownStatus } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { announceStatuses } from '../events/store.ts'
import { insertHostEvent } from '../hosts/events/store.ts'
import { listFallenSilent, lockHost } from '../hosts/store.ts'

/** Tells the users of hosts that have fallen silent; the next report of the host tells them what is true then. */
export async function tellCutOff({ db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  const now = clock.now()
  for (const hostUuid of await listFallenSilent(db, new Date(now.getTime() - hostSilenceMs))) {
    await db.transaction(async (tx) => {
      const host = await lockHost(tx, hostUuid, { skipLocked: true })
      if (!host || !isSilent(host.lastSeenAt, now)) return
      const cutOff = (await listContainersOfHost(tx, hostUuid)).flatMap((record) => {
        const { status, reason } = shownStatus(record, now)
        const { uuid, teamUuid, deadlineAt, announcedStatus } = record.row
        return status === 'unreachable' && announcedStatus !== status
          ? [{ uuid, teamUuid, status, reason, deadlineAt }]
          : []
      })
      if (cutOff.length === 0) return
      log.warn({ host: host.name, containers: cutOff.length }, 'a host has fallen silent')
      await announceStatuses(tx, cutOff, now)
      const message = `It was last heard of at ${host.lastSeenAt?.toISOString()}; ${cutOff.length} containers are cut off.`
      await insertHostEvent(tx, { hostUuid, at: now, type: 'silent', message })
    })
  }
}
