import { GpulabError } from '@gpulab/contract'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { aliveSince } from '../leases/service.ts'
import { listCandidates } from '../leases/store.ts'
import { decideDeletion } from './decide-change.ts'
import { lockContainer } from './lock-container.ts'
import { type Candidate, type PlacementRequest, rankHosts } from './placement.ts'
import type { ContainerRecord, ContainerRow } from './store.ts'
import { writeIntent } from './write-intent.ts'

/** Whether there would be room if the container that gives way were gone. */
export async function wouldFit(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  request: PlacementRequest,
  { row }: ContainerRecord,
): Promise<boolean> {
  const candidates = await listCandidates(db, request, { seenAfter: aliveSince(clock.now()), all: true })
  const after = candidates.map((candidate) =>
    candidate.hostUuid === row.hostUuid ? withShareOf(candidate, row) : candidate,
  )
  return rankHosts(after, request).length > 0
}

function withShareOf(
  candidate: Candidate,
  { gpuType, gpuCount, memoryBytes, cpus, diskBytes, holds }: ContainerRow,
) {
  const { freeGpus, freeMemoryBytes, freeCpus, freeDiskBytes, freeSlots } = candidate
  return {
    ...candidate,
    freeDiskBytes: freeDiskBytes + diskBytes,
    freeSlots: freeSlots + 1,
    ...(holds && { freeMemoryBytes: freeMemoryBytes + memoryBytes, freeCpus: freeCpus + (cpus ?? 0) }),
    ...(holds &&
      gpuType !== null && {
        freeGpus: { ...freeGpus, [gpuType]: (freeGpus[gpuType] ?? 0) + gpuCount },
      }),
  }
}

/** Deletes the container that another one takes the place of, unless that was done meanwhile. */
export async function giveWay(tx: Transaction, { row }: ContainerRecord, now: Date): Promise<void> {
  const locked = await lockContainer(tx, row.uuid, row.hostUuid)
  if (!locked) {
    throw new GpulabError('container_wrong_state', {
      message: `Container ${row.name} has just moved or gone.`,
      hint: 'Try again.',
    })
  }
  const change = decideDeletion(locked.record, now)
  if (change) await writeIntent(tx, locked.record, change, now)
}
