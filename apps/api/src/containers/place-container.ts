import type { Moments } from '@gpulab/fail-points'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { type LockedHost, lockFirstFree, lockHost } from '../hosts/store.ts'
import { aliveSince } from '../leases/service.ts'
import { insertLeases, listCandidates, listFreeCards, recount } from '../leases/store.ts'
import { withTag } from './image-reference.ts'
import { hasRoom } from './decide-change.ts'
import { explainShortage, type Shortage } from './explain-shortage.ts'
import { type Placement, type PlacementRequest, rankHosts } from './placement.ts'
import type { ContainerRow, LeasedGpu } from './store.ts'
import { isSilent } from './view.ts'

/** Requests that come together choose among the same hosts: those that find them full look again. */
const roundsMax = 8

/** What a container's row says once it has its place. */
export type Placed = Pick<
  ContainerRow,
  'hostUuid' | 'gpuType' | 'holds' | 'queuedAt' | 'queueAhead' | 'queueReason' | 'targetVersion'
>

/** What it got. */
export interface Share {
  readonly host: LockedHost
  readonly cards: readonly LeasedGpu[]
}

/** Of one that is not in line, or has only just got in. */
const unlooked = { queueAhead: null, queueReason: null } as const

export interface Holder {
  readonly uuid: string
  readonly generation: number
}

type Parts = Pick<Deps, 'db' | 'clock' | 'metrics'> & { readonly moment: Moments }
type Write = (tx: Transaction, placed: Placed, share: Share) => Promise<void>

export const toRequest = (
  row: Pick<
    ContainerRow,
    'gpuTypes' | 'gpuCount' | 'memoryBytes' | 'cpus' | 'diskBytes' | 'image' | 'pinnedTo' | 'volumeDrivers'
  >,
): PlacementRequest => ({
  gpuTypes: row.gpuTypes,
  gpuCount: row.gpuCount,
  memoryBytes: row.memoryBytes,
  cpus: row.cpus,
  diskBytes: row.diskBytes,
  image: withTag(row.image),
  pinnedTo: row.pinnedTo,
  volumeDrivers: row.volumeDrivers,
  residesOn: null,
})

/**
 * Finds a host with room and takes a share of it in one transaction, in which `write` stores who holds it. Hosts are
 * chosen without locks, so one may have filled up by the time it is locked; then the next is tried. One that nobody
 * else has locked is preferred to a better one that would have to be waited for. Gives undefined when it is placed,
 * else what is missing.
 *
 * `lockAlso` are other hosts whose rows `write` changes.
 */
export async function placeContainer(
  deps: Parts,
  request: PlacementRequest,
  holder: Holder,
  write: Write,
  lockAlso: readonly string[] = [],
): Promise<Shortage | undefined> {
  const since = performance.now()
  let outcome: 'placed' | 'no_room' | 'failed' = 'failed'
  try {
    const shortage = await findPlace(deps, request, holder, write, lockAlso)
    outcome = shortage ? 'no_room' : 'placed'
    return shortage
  } finally {
    deps.metrics.placed(outcome, (performance.now() - since) / 1000)
  }
}

async function findPlace(
  { db, clock, moment }: Parts,
  request: PlacementRequest,
  holder: Holder,
  write: Write,
  lockAlso: readonly string[],
): Promise<Shortage | undefined> {
  const now = clock.now()
  const seenAfter = aliveSince(now)
  for (let round = 0; round < roundsMax; round++) {
    let left = rankHosts(await listCandidates(db, request, { seenAfter }), request)
    if (left.length === 0) break
    const waits = round % 2 === 1
    while (left.length > 0) {
      const tried = await db.transaction((tx) => tryPlacing(tx, left, waits))
      if (tried === 'placed') {
        await moment('committed', holder.uuid)
        return undefined
      }
      if (tried === 'locked') break
      left = left.filter(({ hostUuid }) => hostUuid !== tried.uuid)
    }
  }
  return explainShortage(await listCandidates(db, request, { seenAfter, all: true }), request)

  /** Gives the host that was tried and is full. */
  async function tryPlacing(
    tx: Transaction,
    placements: readonly Placement[],
    waits: boolean,
  ): Promise<'placed' | 'locked' | LockedHost> {
    const host = await lockOne(tx, placements, lockAlso, waits)
    if (!host) return 'locked'
    const gpuType = placements.find(({ hostUuid }) => hostUuid === host.uuid)?.gpuType ?? null
    const cards = await takeCards(tx, host, gpuType, request, now)
    if (!cards) return host
    await moment('read', holder.uuid)
    const place = { hostUuid: host.uuid, gpuType, holds: true, queuedAt: null, ...unlooked }
    const { uuid: containerUuid, generation } = holder
    await write(tx, { ...place, targetVersion: host.targetVersion + 1 }, { host, cards })
    const cardUuids = cards.map(({ uuid }) => uuid)
    await insertLeases(tx, cardUuids, { containerUuid, generation, leasedAt: now })
    await recount(tx, host.uuid, { isTargetNew: true })
    await moment('written', holder.uuid)
    return 'placed'
  }
}

/**
 * Locks the first of the hosts that nobody has locked, or with `waits` the very first; and the others, in the order of
 * their uuids where that means waiting. Undefined where one would have to be waited for.
 */
async function lockOne(
  tx: Transaction,
  placements: readonly Placement[],
  others: readonly string[],
  waits: boolean,
): Promise<LockedHost | undefined> {
  const uuids = placements.map(({ hostUuid }) => hostUuid)
  if (!waits) {
    for (const uuid of others) if (!(await lockHost(tx, uuid, { skipLocked: true }))) return undefined
    return lockFirstFree(tx, uuids)
  }
  const locked = new Map<string, LockedHost | undefined>()
  for (const uuid of [...new Set([...uuids.slice(0, 1), ...others])].toSorted()) {
    locked.set(uuid, await lockHost(tx, uuid))
  }
  return locked.get(uuids[0] ?? '')
}

/** The cards to lease on a locked host; undefined when there is no room any more. */
async function takeCards(
  tx: Transaction,
  host: LockedHost,
  gpuType: string | null,
  request: PlacementRequest,
  now: Date,
): Promise<LeasedGpu[] | undefined> {
  if (!isOpen(host, now) || !hasRoom(host, request)) return undefined
  if (gpuType === null) return []
  const free = await listFreeCards(tx, host.uuid, gpuType)
  return free.length >= request.gpuCount ? free.slice(0, request.gpuCount) : undefined
}

const isOpen = (host: LockedHost, now: Date): boolean =>
  host.state === 'active' &&
  host.removedAt === null &&
  host.engineAvailable &&
  !isSilent(host.lastSeenAt, now)
