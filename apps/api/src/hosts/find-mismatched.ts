import type { ContainerFacts } from '@gpulab/contract'
import type { ContainerRecord } from '../containers/store.ts'

/** A container that runs with other cards than it holds. */
export interface Mismatched {
  readonly uuid: string
  /** As its host says. */
  readonly has: readonly string[]
  readonly leased: readonly string[]
}

type Compared = {
  readonly row: Pick<ContainerRecord['row'], 'uuid' | 'generation' | 'holds'>
  readonly gpus: readonly Pick<ContainerRecord['gpus'][number], 'uuid'>[]
}

type Reported = Pick<ContainerFacts, 'uuid' | 'generation' | 'state'> & {
  readonly gpu_uuids: readonly string[]
}

/**
 * Where host and leases contradict each other: no agent starts such a container, so somebody else has. One that holds
 * nothing is told to stop anyway, and an older generation has the cards of then.
 */
export function findMismatched(records: readonly Compared[], reported: readonly Reported[]): Mismatched[] {
  const known = new Map(records.map((record) => [record.row.uuid, record]))
  return reported.flatMap(({ uuid, generation, state, gpu_uuids: has }) => {
    const record = known.get(uuid)
    if (state !== 'running' || !record?.row.holds || record.row.generation !== generation) return []
    const leased = record.gpus.map((gpu) => gpu.uuid)
    return new Set(has).symmetricDifference(new Set(leased)).size > 0 ? [{ uuid, has, leased }] : []
  })
}
