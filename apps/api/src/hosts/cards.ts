import type { HostGpu } from '@gpulab/contract'
import { isSilent } from '../containers/view.ts'
import type { Transaction } from '../db/connect.ts'
import { recount } from '../leases/store.ts'
import { type LockedHost, listOwnerNames, listOwners, lockHost, storeGpus } from './store.ts'
import { raiseHostEvent } from './events/store.ts'

const raisedEachMs = 3600_000

/** Whether another host may have taken a card over. A living one would lose it to whoever claims its uuid. */
const hasLet = (host: LockedHost, now: Date): boolean =>
  host.removedAt !== null || host.state === 'fenced' || isSilent(host.lastSeenAt, now)

/** Locks a host that lists these cards, and those that have some of them now and may lose them. */
export async function lockForCards(
  tx: Transaction,
  hostUuid: string,
  listed: readonly HostGpu[],
  now: Date,
): Promise<{ readonly host: LockedHost | undefined; readonly losing: readonly string[] }> {
  const owners = await listOwners(
    tx,
    listed.map(({ uuid }) => uuid),
  )
  const locked = new Map<string, LockedHost | undefined>()
  for (const uuid of [...new Set([hostUuid, ...owners])].toSorted())
    locked.set(uuid, await lockHost(tx, uuid))
  const losing = [...locked].filter(([uuid, host]) => uuid !== hostUuid && host && hasLet(host, now))
  return { host: locked.get(hostUuid), losing: losing.map(([uuid]) => uuid) }
}

/** Takes a host's list of cards; gives those that it does not get. */
export async function takeCards(
  tx: Transaction,
  hostUuid: string,
  listed: readonly HostGpu[],
  losing: readonly string[],
  now: Date,
): Promise<string[]> {
  const taken = new Set(await storeGpus(tx, hostUuid, listed, losing))
  for (const uuid of [hostUuid, ...losing]) await recount(tx, uuid)
  const ignored = listed.map(({ uuid }) => uuid).filter((uuid) => !taken.has(uuid))
  if (ignored.length === 0) return []
  const owned = (await listOwnerNames(tx, ignored)).map(({ uuid, host }) => `${uuid} (of ${host})`)
  const message = `It lists GPUs that a living host has: ${owned.join(', ')}. They stay there; if they were moved, stop the agent of that host, or remove it.`
  await raiseHostEvent(tx, { hostUuid, at: now, type: 'gpus_ignored', message }, raisedEachMs)
  return ignored
}
