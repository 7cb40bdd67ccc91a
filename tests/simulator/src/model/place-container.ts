import { hasRoom } from '../../../../apps/api/src/containers/decide-change.ts'
import { explainShortage, type Shortage } from '../../../../apps/api/src/containers/explain-shortage.ts'
import type { Placement, PlacementRequest } from '../../../../apps/api/src/containers/placement.ts'
import { withTag } from '../../../../apps/api/src/containers/image-reference.ts'
import type { ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import {
  bumpTarget,
  getHost,
  type Host,
  insertLeases,
  isOpen,
  listCandidates,
  listFreeCards,
  type Model,
  transact,
} from './tables.ts'

const roundsMax = 8

/** As toRequest there. */
export const toRequest = (row: Omit<PlacementRequest, 'residesOn'>): PlacementRequest => ({
  ...row,
  image: withTag(row.image),
  residesOn: null,
})

export type Placed = Pick<
  ContainerRow,
  'hostUuid' | 'gpuType' | 'holds' | 'queuedAt' | 'queueAhead' | 'queueReason' | 'targetVersion'
>

/** As containers/place-container.ts. */
export async function placeContainer(
  model: Model,
  request: PlacementRequest,
  holder: { readonly uuid: string; readonly generation: number },
  write: (placed: Placed, host: Host) => void,
): Promise<Shortage | undefined> {
  const now = model.now()
  for (let round = 0; round < roundsMax; round++) {
    const ranked = model.decide.rankHosts(listCandidates(model, request, now), request)
    if (ranked.length === 0) break
    for (const placement of ranked) {
      await model.pause()
      const isPlaced = transact(model, () => {
        const host = getHost(model, placement.hostUuid)
        const gpus = takeShare(model, host, placement, request, now)
        if (!gpus) return false
        const targetVersion = bumpTarget(model, host.uuid)
        const place = { queuedAt: null, queueAhead: null, queueReason: null, targetVersion }
        write({ hostUuid: host.uuid, gpuType: placement.gpuType, holds: true, ...place }, host)
        const { uuid: containerUuid, generation } = holder
        insertLeases(model, gpus, { containerUuid, generation, leasedAt: now })
        return true
      })
      if (isPlaced) return undefined
    }
  }
  await model.pause()
  return explainShortage(listCandidates(model, request, now), request)
}

function takeShare(
  model: Model,
  host: Host,
  { gpuType }: Placement,
  request: PlacementRequest,
  now: Date,
): string[] | undefined {
  if (!isOpen(host, now) || !hasRoom(host, request)) return undefined
  if (gpuType === null) return []
  const free = listFreeCards(model, host.uuid, gpuType)
  return free.length >= request.gpuCount ? free.slice(0, request.gpuCount).map(({ uuid }) => uuid) : undefined
}
