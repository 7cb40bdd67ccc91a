import { GpulabError } from '@gpulab/contract'
import type { Deps } from '../deps.ts'
import { announceStatus } from '../events/store.ts'
import { bumpTarget, lockHost } from '../hosts/store.ts'
import { aliveSince } from '../leases/service.ts'
import { insertLeases, listCandidates, listFreeGpus } from '../leases/store.ts'
import { type Candidate, rankHosts } from './placement.ts'
import { insertContainer, type NewContainer } from './store.ts'

type Unplaced = Omit<NewContainer, 'hostUuid' | 'targetVersion'>

/**
 * Finds a host for a container and stores it there with its GPU leases, in one transaction. Candidates are looked at
 * without locks, so one may have filled up by the time it is locked; then the next is tried.
 */
export async function placeContainer(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  row: Unplaced,
): Promise<void> {
  const { gpuType = null, gpuCount } = row
  const candidates = await listCandidates(db, { gpuType, seenAfter: aliveSince(clock.now()) })
  for (const { hostUuid } of rankHosts(candidates, gpuCount)) {
    const placed = await db.transaction(async (tx) => {
      await lockHost(tx, hostUuid)
      const free = gpuType === null ? [] : await listFreeGpus(tx, hostUuid, gpuType)
      if (free.length < gpuCount) return false

      const targetVersion = await bumpTarget(tx, hostUuid)
      const leasedAt = row.createdAt
      // One connection runs them in this order; sent together they cost one round trip.
      await Promise.all([
        insertContainer(tx, { ...row, hostUuid, targetVersion }),
        insertLeases(tx, free.slice(0, gpuCount), { containerUuid: row.uuid, generation: 1, leasedAt }),
        announceStatus(tx, row.uuid, { status: 'deploying', reason: null }, row.createdAt),
      ])
      return true
    })
    if (placed) return
  }
  throw noCapacity(candidates, gpuType, gpuCount)
}

function noCapacity(candidates: readonly Candidate[], gpuType: string | null, gpuCount: number): GpulabError {
  if (candidates.length === 0) {
    return new GpulabError('no_capacity', {
      message: 'No GPU host is connected and well.',
      hint: 'Ask your administrator, or look at the log of gpulab-agent on the host.',
    })
  }
  const most = Math.max(0, ...candidates.map(({ freeGpus }) => freeGpus))
  return new GpulabError('no_capacity', {
    message: `No host has ${gpuCount} free ${gpuType}; the most that one has now is ${most}.`,
    hint: 'gpulab gpus types shows what is free.',
    details: { gpu_type: gpuType, wanted: gpuCount, most_on_one_host: most },
  })
}
