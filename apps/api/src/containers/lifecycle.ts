import type { Container } from '@gpulab/contract'
import type { Moments } from '@gpulab/fail-points'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import type { LockedHost } from '../hosts/store.ts'
import type { Remember } from '../idempotency/service.ts'
import { readCards } from '../leases/service.ts'
import { insertLeases } from '../leases/store.ts'
import { requireBalance } from '../usage/service.ts'
import { requireQuota } from '../quotas/service.ts'
import { type Change, decideDeletion, decideRestart, decideStart, decideStop } from './decide-change.ts'
import { lockContainer } from './lock-container.ts'
import { presentOne } from './present.ts'
import { getRecord } from './service.ts'
import { type ContainerRecord, findAnyContainer } from './store.ts'
import { writeIntent } from './write-intent.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'> & { readonly moment: Moments }
type Act = (deps: Parts, principal: Principal, uuid: string, remember: Remember) => Promise<Container>

export const stopContainer: Act = (deps, principal, uuid, remember) =>
  changeIntent(deps, principal, uuid, remember, async (record) => decideStop(record))

export const restartContainer: Act = (deps, principal, uuid, remember) =>
  changeIntent(deps, principal, uuid, remember, async (record) => decideRestart(record))

export const startContainer: Act = (deps, principal, uuid, remember) =>
  changeIntent(deps, principal, uuid, remember, async (record, tx, host) => {
    const needsCards = host !== undefined && record.row.gpuCount > 0 && !record.row.holds
    const cards = needsCards ? await readCards(tx, host.uuid, record.row) : { last: [], free: [] }
    const start = decideStart(record, host, cards)
    if (start) await requireBalance({ db: tx, clock: deps.clock }, record.row.teamUuid, record.row.gpuCount)
    if (start && !record.row.holds) await requireQuota(tx, record.row.teamUuid, { gpus: record.row.gpuCount })
    if (start?.cards) {
      const { gpuUuids, generation } = start.cards
      await insertLeases(tx, gpuUuids, { containerUuid: uuid, generation, leasedAt: deps.clock.now() })
    }
    return start?.change
  })

/** Deletes it in whatever status it is; what its host still has of it is gone when that returns. */
export async function removeContainer(deps: Parts, principal: Principal, uuid: string): Promise<void> {
  await changeIntent(deps, principal, uuid, undefined, async (record) =>
    decideDeletion(record, deps.clock.now()),
  )
}

/**
 * Decides on a container while its host is locked, so that no report or other request comes between; or its place in
 * line, where it has no host. The host gets a new target version with every change.
 */
export async function changeIntent(
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember | undefined,
  decide: (record: ContainerRecord, tx: Transaction, host: LockedHost | undefined) => Promise<Change>,
): Promise<Container> {
  for (;;) {
    const { row } = await getRecord(deps, principal, uuid)
    const changed = await deps.db.transaction(async (tx) => {
      const locked = await lockContainer(tx, uuid, row.hostUuid)
      if (!locked) return undefined
      const { record, host } = locked
      await deps.moment('read', uuid)
      await remember?.(tx, uuid)
      const change = await decide(record, tx, host)
      if (!change) return record
      await writeIntent(tx, record, change, deps.clock.now())
      await deps.moment('written', uuid)
      return (await findAnyContainer(tx, uuid)) ?? record
    })
    if (!changed) continue
    await deps.moment('committed', uuid)
    return presentOne(deps, changed)
  }
}
