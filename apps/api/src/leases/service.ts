import { GpulabError } from '@gpulab/contract'
import { hostSilenceMs } from '../containers/view.ts'
import type { Transaction } from '../db/connect.ts'
import { filterFree, insertLeases, listFreeGpus, listLastGpus } from './store.ts'

/** Hosts that were heard of since then can be given work. */
export const aliveSince = (now: Date): Date => new Date(now.getTime() - hostSilenceMs)

/** Who leases, and what of. */
export interface LeaseRequest {
  readonly uuid: string
  readonly hostUuid: string
  readonly generation: number
  readonly gpuType: string
  readonly gpuCount: number
  /** Whether its container exists on the host. */
  readonly wasMade: boolean
  readonly leasedAt: Date
}

/**
 * Leases a stopped container's cards again, on its locked host. Once it was made they must be the very same cards: the
 * engine fixes a container's devices when it is made.
 */
export async function leaseAgain(tx: Transaction, request: LeaseRequest): Promise<void> {
  const { uuid: containerUuid, hostUuid, generation, gpuType, gpuCount, wasMade, leasedAt } = request
  const free = wasMade
    ? await filterFree(tx, hostUuid, await listLastGpus(tx, containerUuid, generation))
    : await listFreeGpus(tx, hostUuid, gpuType)
  if (free.length < gpuCount) {
    throw new GpulabError('no_capacity', {
      message: `${gpuCount - free.length} of its ${gpuCount} ${gpuType} is in use by another container.`,
      hint: 'Try again later, or deploy a new container: gpulab gpus types shows what is free.',
      details: { gpu_type: gpuType, wanted: gpuCount, free: free.length },
    })
  }
  await insertLeases(tx, free.slice(0, gpuCount), { containerUuid, generation, leasedAt })
}
