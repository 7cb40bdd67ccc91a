import { momentsOf } from '@gpulab/fail-points'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { listCapacities } from '../leases/store.ts'
import { explainImpossible, type Shortage } from './explain-shortage.ts'
import { placeContainer, toRequest } from './place-container.ts'
import { type PlacementRequest, rankHosts } from './placement.ts'
import { behind, isRival, type LastLook, serveLine, type Waiting } from './queue.ts'
import { findAnyContainer, listWaiting, lockWaiting, updateContainer, type WaitingRow } from './store.ts'
import { writePlace } from './write-intent.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'failPoint' | 'metrics'>

/** Places whom it can of those that wait in line. Replicas may do so at the same time. */
export async function placeWaiting(deps: Parts): Promise<void> {
  const line = await listWaiting(deps.db)
  if (line.length === 0) return
  const isPossible = await readCapacities(deps)
  for (const waiting of line.filter((one) => !isPossible(toRequest(one)))) {
    await tellReason(deps, waiting, tried('No host is large enough for it.'))
  }
  await serveLine(
    line.filter((one) => isPossible(toRequest(one))),
    {
      tryToPlace: (waiting) => tryToPlace(deps, waiting),
      onHeldUp: (waiting, ahead) => tellReason(deps, waiting, { queueAhead: ahead, queueReason: null }),
    },
  )
}

/** Tells whether some host could hold it if nothing else were there. */
async function readCapacities({ db }: Pick<Deps, 'db'>): Promise<(request: PlacementRequest) => boolean> {
  const capacities = await listCapacities(db)
  return (request) => rankHosts(capacities, request).length > 0
}

/** Why no host could hold it even if nothing else were there; undefined where one could. */
export async function findImpossible(
  { db }: Pick<Deps, 'db'>,
  request: PlacementRequest,
): Promise<Shortage | undefined> {
  const capacities = await listCapacities(db)
  return rankHosts(capacities, request).length > 0 ? undefined : explainImpossible(capacities, request)
}

/** Those who wait for the same and come first; who waits for what no host could hold holds up nobody. */
export async function findRivals(
  deps: Pick<Deps, 'db'>,
  wanted: Waiting,
  replacedUuid?: string,
): Promise<Shortage | undefined> {
  const others = (await listWaiting(deps.db)).filter(
    (waiting) => isRival(waiting, wanted) && waiting.uuid !== replacedUuid,
  )
  if (others.length === 0) return undefined
  const isPossible = await readCapacities(deps)
  const ahead = others.filter((waiting) => isPossible(toRequest(waiting))).length
  return ahead === 0 ? undefined : { message: behind(ahead), details: { in_line: ahead } }
}

const tried = (shortage: string): LastLook => ({ queueAhead: null, queueReason: shortage })

class NoLongerWaiting extends Error {}

/** True when it does not wait any more. */
async function tryToPlace(deps: Parts, waiting: WaitingRow): Promise<boolean> {
  const { uuid, generation } = waiting
  try {
    const shortage = await placeContainer(
      { ...deps, moment: momentsOf(deps.failPoint, 'place') },
      toRequest(waiting),
      { uuid, generation },
      async (tx, placed) => {
        const record = (await lockWaiting(tx, uuid)) ? await findAnyContainer(tx, uuid) : undefined
        // The transaction is given up with what it has taken.
        if (!record || record.row.queuedAt === null) throw new NoLongerWaiting()
        await writePlace(tx, record, placed, deps.clock.now())
      },
    )
    if (shortage) await tellReason(deps, waiting, tried(shortage.message))
    return shortage === undefined
  } catch (error) {
    if (error instanceof NoLongerWaiting) return true
    throw error
  }
}

/** Why it waits now, for those who follow its events. */
async function tellReason(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  waiting: WaitingRow,
  look: LastLook,
): Promise<void> {
  const { uuid, teamUuid, queueAhead, queueReason } = waiting
  if (look.queueAhead === queueAhead && look.queueReason === queueReason) return
  const message = look.queueAhead === null ? (look.queueReason ?? '') : behind(look.queueAhead)
  await db.transaction(async (tx) => {
    const record = (await lockWaiting(tx, uuid)) ? await findAnyContainer(tx, uuid) : undefined
    if (!record || record.row.queuedAt === null) return
    await updateContainer(tx, uuid, look)
    const status = { type: 'status', status: 'queued', at: clock.now() } as const
    await insertEvents(tx, [{ containerUuid: uuid, teamUuid, message, ...status }])
  })
}
