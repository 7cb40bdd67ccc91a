import { GpulabError } from '@gpulab/contract'
import { hostSilenceMs } from '../containers/view.ts'
import type { Transaction } from '../db/connect.ts'
import { filterFree, insertLeases, listLastGpus } from './store.ts'

/** Hosts that were heard of since then can be given work. */
export const aliveSince = (now: Date): Date => new Date(now.getTime() - hostSilenceMs)

/**
 * Leases a stopped container's cards again, on its locked host. They must be the very cards it was made with: the
 * engine fixes a container's devices when it is made.
 */
export async function leaseAgain(
  tx: Transaction,
  holder: { containerUuid: string; generation: number; gpuType: string; leasedAt: Date },
): Promise<void> {
  const { containerUuid, generation, gpuType, leasedAt } = holder
  const wanted = await listLastGpus(tx, containerUuid, generation)
  const free = await filterFree(tx, wanted)
  if (free.length < wanted.length) {
    throw new GpulabError('no_capacity', {
      message: `${wanted.length - free.length} of its ${wanted.length} ${gpuType} is in use by another container.`,
      hint: 'Try again later, or deploy a new container: gpulab gpus types shows what is free.',
      details: { gpu_type: gpuType, wanted: wanted.length, free: free.length },
    })
  }
  await insertLeases(tx, free, { containerUuid, generation, leasedAt })
}
