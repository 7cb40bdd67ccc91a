import type { Moments } from '@gpulab/fail-points'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { bumpTarget, type HostRow, lockHost } from '../hosts/store.ts'
import { aliveSince } from '../leases/service.ts'
import { insertLeases, listCandidates, listFreeCards, recount } from '../leases/store.ts'
import { withTag } from './image-reference.ts'
import { hasRoom } from './decide-change.ts'
import { explainShortage, type Shortage } from './explain-shortage.ts'
import { type Placement, type PlacementRequest, rankHosts } from './placement.ts'
import type { ContainerRow } from './store.ts'
import { isSilent } from './view.ts'

/** Requests that come together choose among the same hosts: those that find them full look again. */
const roundsMax = 8

/** What a container's row says once it has its place. */
export type Placed = Pick<
  ContainerRow,
  'hostUuid' | 'gpuType' | 'holds' | 'queuedAt' | 'queueReason' | 'targetVersion'
>

export interface Holder {
  readonly uuid: string
  readonly generation: number
}

export const toRequest = (
  row: Pick<ContainerRow, 'gpuTypes' | 'gpuCount' | 'memoryBytes' | 'cpus' | 'diskBytes' | 'image'>,
): PlacementRequest => ({
  gpuTypes: row.gpuTypes,
  gpuCount: row.gpuCount,
  memoryBytes: row.memoryBytes,
  cpus: row.cpus,
  diskBytes: row.diskBytes,
  image: withTag(row.image),
  residesOn: null,
})

/**
 * Finds a host with room and takes a share of it in one transaction, in which `write` stores who holds it. Hosts are
 * chosen without locks, so one may have filled up by the time it is locked; then the next is tried. Those that somebody
 * else has locked come last. Gives undefined when it is placed, else what is missing.
 *
 * `lockAlso` are other hosts whose rows `write` changes.
 */
export async function placeContainer(
  { db, clock, moment }: Pick<Deps, 'db' | 'clock'> & { readonly moment: Moments },
  request: PlacementRequest,
  holder: Holder,
  write: (tx: Transaction, placed: Placed, host: HostRow) => Promise<void>,
  lockAlso: readonly string[] = [],
): Promise<Shortage | undefined> {
  const now = clock.now()
  const seenAfter = aliveSince(now)
  for (let round = 0; round < roundsMax; round++) {
    const ranked = rankHosts(await listCandidates(db, request, { seenAfter }), request)
    if (ranked.length === 0) break
    const skipLocked = round % 2 === 0
    for (const placement of ranked) {
      const isPlaced = await db.transaction(async (tx) => {
        const host = await lockAll(tx, placement.hostUuid, lockAlso, skipLocked)
        const gpus = host && (await takeShare(tx, host, placement, request, now))
        if (!gpus) return false
        await moment('read', holder.uuid)
        await settle(tx, host, placement, gpus)
        await moment('written', holder.uuid)
        return true
      })
      if (!isPlaced) continue
      await moment('committed', holder.uuid)
      return undefined
    }
  }
  return explainShortage(await listCandidates(db, request, { seenAfter, all: true }), request)

  async function settle(
    tx: Transaction,
    host: HostRow,
    { gpuType }: Placement,
    gpus: string[],
  ): Promise<void> {
    const targetVersion = await bumpTarget(tx, host.uuid)
    const place = { queuedAt: null, queueReason: null, targetVersion }
    await write(tx, { hostUuid: host.uuid, gpuType, holds: true, ...place }, host)
    // One connection runs them in this order; sent together they cost one round trip.
    const { uuid: containerUuid, generation } = holder
    await Promise.all([
      insertLeases(tx, gpus, { containerUuid, generation, leasedAt: now }),
      recount(tx, host.uuid),
    ])
  }
}

/** The host, with all that are needed locked in the order of their uuids; undefined where it has to be waited for. */
async function lockAll(
  tx: Transaction,
  hostUuid: string,
  others: readonly string[],
  skipLocked: boolean,
): Promise<HostRow | undefined> {
  const locked = new Map<string, HostRow | undefined>()
  for (const uuid of [...new Set([hostUuid, ...others])].toSorted()) {
    locked.set(uuid, await lockHost(tx, uuid, { skipLocked }))
  }
  return locked.values().every((host) => host !== undefined) ? locked.get(hostUuid) : undefined
}

/** The cards to lease on a locked host; undefined when there is no room any more. */
async function takeShare(
  tx: Transaction,
  host: HostRow,
  { gpuType }: Placement,
  request: PlacementRequest,
  now: Date,
): Promise<string[] | undefined> {
  if (!isOpen(host, now) || !hasRoom(host, request)) return undefined
  if (gpuType === null) return []
  const free = await listFreeCards(tx, host.uuid, gpuType)
  return free.length >= request.gpuCount ? free.slice(0, request.gpuCount).map(({ uuid }) => uuid) : undefined
}

const isOpen = (host: HostRow, now: Date): boolean =>
  host.state === 'active' &&
  host.removedAt === null &&
  host.engineAvailable &&
  !isSilent(host.lastSeenAt, now)
