import type { Deps } from '../deps.ts'
import { bumpTarget, type LockedHost, lockHost } from '../hosts/store.ts'
import { aliveSince } from '../leases/service.ts'
import { listOrphaned, listPlaces, lockVolume, updateVolume } from '../volumes/store.ts'

/**
 * Gives the volumes that hosts share, of a host that an operator has declared dead, to another one that has their kind: what
 * is in them is not on that host. Where there is none, they wait for one.
 */
export async function handOverVolumes({ db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  for (const { uuid, driver, hostUuid: from } of await listOrphaned(db)) {
    const [place] = await listPlaces(db, driver, { seenAfter: aliveSince(clock.now()), gpuType: undefined })
    if (!place) continue
    const to = place.hostUuid
    await db.transaction(async (tx) => {
      // Whoever locks several does so in this order.
      const locked = new Map<string, LockedHost | undefined>()
      for (const hostUuid of [from, to].toSorted()) locked.set(hostUuid, await lockHost(tx, hostUuid))
      const volume = await lockVolume(tx, uuid)
      // Another replica, or whoever has uncordoned the one or removed the other, came first.
      if (volume?.hostUuid !== from || locked.get(from)?.state !== 'fenced') return
      if (locked.get(to)?.state !== 'active' || locked.get(to)?.removedAt !== null) return
      await updateVolume(tx, uuid, { hostUuid: to })
      await bumpTarget(tx, from)
      await bumpTarget(tx, to)
      log.warn({ volume: uuid, from, to: place.hostName }, 'a shared volume has another host')
    })
  }
}
