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
  readonly gpuTypes: readonly string[]
  readonly gpuCount: number
  /** Whether its container exists on the host: the engine fixes a container's devices when it is made. */
  readonly wasMade: boolean
  readonly leasedAt: Date
}

/** With which cards a stopped container starts again. */
export interface LeasedAgain {
  /** A greater one than before where it has to be made anew, with other cards. */
  readonly generation: number
  readonly gpuType: string
}

/**
 * Leases a stopped container's cards again, on its locked host: the same if they are free, else others of its types,
 * with which its container has to be made anew from its files.
 */
export async function leaseAgain(tx: Transaction, request: LeaseRequest): Promise<LeasedAgain> {
  const { uuid: containerUuid, hostUuid, gpuTypes, gpuCount, wasMade, leasedAt } = request
  const last = wasMade ? await listLastGpus(tx, containerUuid, request.generation) : []
  const same = await filterFree(
    tx,
    hostUuid,
    last.map(({ uuid }) => uuid),
  )
  const [first] = last
  if (first && same.length >= gpuCount) {
    const { generation } = request
    await insertLeases(tx, same.slice(0, gpuCount), { containerUuid, generation, leasedAt })
    return { generation, gpuType: first.name }
  }
  // One that was never made may be made with any card, but a late word about the last try must not count.
  const generation = request.generation + 1
  let most = 0
  for (const gpuType of gpuTypes) {
    const free = await listFreeGpus(tx, hostUuid, gpuType)
    if (free.length >= gpuCount) {
      await insertLeases(tx, free.slice(0, gpuCount), { containerUuid, generation, leasedAt })
      return { generation, gpuType }
    }
    most = Math.max(most, free.length)
  }
  throw new GpulabError('no_capacity', {
    message: `Its host has ${most} of the ${gpuCount} ${gpuTypes.join(' or ')} free that it needs; the others are in use.`,
    hint: 'Try again later; or gpulab redeploy places it on another host, without its files.',
    details: { gpu_types: gpuTypes, wanted: gpuCount, free: most },
  })
}
