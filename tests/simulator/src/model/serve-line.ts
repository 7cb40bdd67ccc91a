import type { Shortage } from '../../../../apps/api/src/containers/explain-shortage.ts'
import { type PlacementRequest, rankHosts } from '../../../../apps/api/src/containers/placement.ts'
import { behind, type LastLook, type Waiting } from '../../../../apps/api/src/containers/queue.ts'
import type { ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import { placeContainer, toRequest } from './place-container.ts'
import { findRecord, listCapacities, type Model, transact, updateContainer, writePlace } from './tables.ts'

class NoLongerWaiting extends Error {}

/** As containers/serve-line.ts. */
export async function placeWaiting(model: Model): Promise<void> {
  const line = listWaiting(model)
  const isPossible = readCapacities(model)
  for (const waiting of line.filter((one) => !isPossible(toRequest(one)))) {
    tellReason(model, waiting, tried('No host is large enough for it.'))
  }
  await model.decide.serveLine(
    line.filter((one) => isPossible(toRequest(one))),
    {
      tryToPlace: (waiting) => tryToPlace(model, waiting),
      onHeldUp: async (waiting, ahead) => {
        await model.pause()
        tellReason(model, waiting, { queueAhead: ahead, queueReason: null })
      },
    },
  )
}

const listWaiting = ({ tables }: Model): ContainerRow[] =>
  [...tables.containers.values()]
    .filter(({ queuedAt }) => queuedAt !== null)
    .toSorted((a, b) => Number(a.queuedAt) - Number(b.queuedAt) || (a.uuid < b.uuid ? -1 : 1))

export function readCapacities(model: Model): (request: PlacementRequest) => boolean {
  const capacities = listCapacities(model)
  return (request) => rankHosts(capacities, request).length > 0
}

export function findRivals(model: Model, wanted: Waiting, replacedUuid?: string): Shortage | undefined {
  const isPossible = readCapacities(model)
  const ahead = listWaiting(model)
    .filter((waiting) => model.decide.isRival(waiting, wanted) && waiting.uuid !== replacedUuid)
    .filter((waiting) => isPossible(toRequest(waiting))).length
  return ahead === 0 ? undefined : { message: behind(ahead), details: {} }
}

const tried = (shortage: string): LastLook => ({ queueAhead: null, queueReason: shortage })

async function tryToPlace(model: Model, waiting: ContainerRow): Promise<boolean> {
  const { uuid, generation } = waiting
  try {
    await model.pause()
    const shortage = await placeContainer(model, toRequest(waiting), { uuid, generation }, (placed) => {
      const record = findRecord(model, uuid)
      if (record?.row.hostUuid !== null || record.row.queuedAt === null) throw new NoLongerWaiting()
      writePlace(model, record, placed, model.now())
    })
    if (shortage) tellReason(model, waiting, tried(shortage.message))
    return shortage === undefined
  } catch (error) {
    if (error instanceof NoLongerWaiting) return true
    throw error
  }
}

function tellReason(model: Model, { uuid, queueAhead, queueReason }: ContainerRow, look: LastLook): void {
  if (look.queueAhead === queueAhead && look.queueReason === queueReason) return
  transact(model, () => {
    const record = findRecord(model, uuid)
    if (record?.row.hostUuid !== null || record.row.queuedAt === null) return
    updateContainer(model, uuid, { ...look })
    model.tables.events.push({ containerUuid: uuid, at: model.now(), status: 'queued', reason: null })
  })
}
