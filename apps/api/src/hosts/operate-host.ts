import { GpulabError, type Host } from '@gpulab/contract'
import { statusOf } from '../containers/status.ts'
import { type ContainerRecord, listContainersOfHost, type NewContainer } from '../containers/store.ts'
import { isSilent } from '../containers/view.ts'
import { writeIntent } from '../containers/write-intent.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { recount, releaseLeases } from '../leases/store.ts'
import { insertHostEvent } from './events/store.ts'
import { closeIntervals } from '../usage/store.ts'
import { listVolumesOfHost } from '../volumes/store.ts'
import { announceIdentity } from './identity/store.ts'
import { getHost, showHost } from './show-hosts.ts'
import {
  bumpTarget,
  type LockedHost,
  lockHost,
  markGpusAbsent,
  signalCapacity,
  signalWatchers,
  updateHost,
} from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

export const cordonHost = (deps: Parts, uuid: string, remember: Remember): Promise<Host> =>
  operate(deps, uuid, remember, async (tx, host, now) => {
    if (host.state === 'fenced') throw wrongState(host, 'It is fenced: it takes no containers anyway.')
    if (host.state === 'active') await setState(tx, host, 'cordoned', now)
  })

/** Makes it take work again. One that was fenced has to have shown first that nothing of before still runs on it. */
export const uncordonHost = (deps: Parts, uuid: string, remember: Remember): Promise<Host> =>
  operate(deps, uuid, remember, async (tx, host, now) => {
    if (host.state === 'active') return
    if (host.state === 'fenced') requireCleared(host, await listContainersOfHost(tx, uuid), now)
    await setState(tx, host, 'active', now)
    await signalCapacity(tx)
  })

function requireCleared(host: LockedHost, records: readonly ContainerRecord[], now: Date): void {
  if (isSilent(host.lastSeenAt, now)) {
    throw wrongState(host, 'It is silent: start its agent first, which stops what it still runs.')
  }
  const isAtRest = ({ row, facts }: ContainerRecord): boolean =>
    host.reportedVersion >= row.targetVersion &&
    facts !== undefined &&
    facts.state !== 'running' &&
    !facts.busy
  const left = records.filter((record) => !isAtRest(record)).length
  const foreign = host.foreignContainers.length
  if (left + foreign === 0 && host.reportedVersion >= host.targetVersion) return
  throw wrongState(
    host,
    `${left + foreign} containers of before may still run on it. Wait until its agent has stopped or removed them; gpulab hosts inspect ${host.name} shows them.`,
  )
}

/** Stops what runs on it; its users are told why, and may redeploy elsewhere. */
export const drainHost = (deps: Parts, uuid: string, remember: Remember): Promise<Host> =>
  operate(deps, uuid, remember, async (tx, host, now) => {
    if (host.state === 'fenced') throw wrongState(host, 'It is fenced: nothing counts as running on it.')
    await setState(tx, host, 'draining', now)
    const message = `An operator is draining host ${host.name}.`
    for (const record of await listContainersOfHost(tx, uuid)) {
      if (!isAlive(record) || record.row.desired === 'stopped') continue
      await writeIntent(tx, record, { desired: 'stopped', ...verdict(record, 'host_drained', message) }, now)
    }
  })

/**
 * Declares a silent host dead. Its leases end on the operator's word alone: whoever gives it answers for it that
 * nothing runs there any more.
 */
export const fenceHost = (deps: Parts, uuid: string, remember: Remember): Promise<Host> =>
  operate(deps, uuid, remember, async (tx, host, now) => {
    if (host.state === 'fenced') return
    if (!isSilent(host.lastSeenAt, now)) {
      throw wrongState(host, `It is alive. To empty it: gpulab hosts drain ${host.name}.`)
    }
    await setState(tx, host, 'fenced', now)
    const records = await listContainersOfHost(tx, uuid)
    const uuids = records.map(({ row }) => row.uuid)
    await releaseLeases(tx, uuids, { releasedAt: now, releasedBy: 'fence' })
    await closeIntervals(tx, uuids, host.lastSeenAt ?? now)
    const message = `An operator has declared host ${host.name} dead.`
    for (const record of records) {
      const isDeleted = record.row.desired === 'deleted'
      if (!isDeleted && !isAlive(record) && !isGivenUp(record)) continue
      await writeIntent(
        tx,
        record,
        isDeleted ? { deletedAt: now } : verdict(record, 'host_fenced', message),
        now,
      )
    }
    await bumpTarget(tx, uuid)
    await recount(tx, uuid)
  })

/** Whether it counts as running, or about to run or to stop. */
const isAlive = ({ intent, facts }: ContainerRecord): boolean =>
  !['stopped', 'failed', 'deleting'].includes(statusOf(intent, facts).status)

/** Out of time, and may run all the same: its share was held for that. */
const isGivenUp = ({ row }: ContainerRecord): boolean => row.holds && row.verdictAttempt === row.attempt

const verdict = (
  { row }: ContainerRecord,
  verdictCode: string,
  verdictMessage: string,
): Partial<NewContainer> => ({
  verdictAttempt: row.attempt,
  verdictCode,
  verdictMessage,
})

const count = (names: readonly string[], noun: string): string =>
  `${names.length} ${noun}${names.length === 1 ? '' : 's'}`

export async function removeHost({ db, clock }: Parts, uuid: string): Promise<void> {
  await getHost(db, uuid)
  await db.transaction(async (tx) => {
    const host = await lockHost(tx, uuid)
    if (!host || host.removedAt !== null) return
    const names = (await listContainersOfHost(tx, uuid)).map(({ row }) => row.name)
    if (names.length > 0) {
      throw new GpulabError('host_in_use', {
        message: `Host ${host.name} still has ${count(names, 'container')}: ${names.slice(0, 10).join(', ')}.`,
        hint: 'Drain it, and have their owners remove them (gpulab rm) or redeploy them elsewhere; a host that is dead is fenced first.',
        details: { containers: names },
      })
    }
    const kept = (await listVolumesOfHost(tx, uuid)).map(({ name }) => name)
    if (kept.length > 0) {
      throw new GpulabError('host_in_use', {
        message: `Host ${host.name} still has ${count(kept, 'volume')}: ${kept.slice(0, 10).join(', ')}.`,
        hint: 'Have their owners remove them. Of a dead host fence it first: those that hosts share go to another one then, and local ones at once.',
        details: { volumes: kept },
      })
    }
    await updateHost(tx, uuid, { removedAt: clock.now() })
    await signalWatchers(tx, uuid)
    await announceIdentity(tx, uuid)
    await markGpusAbsent(tx, uuid)
    await recount(tx, uuid)
  })
}

/** Runs `act` while the host is locked, so that no report or request comes between. */
async function operate(
  deps: Parts,
  uuid: string,
  remember: Remember,
  act: (tx: Transaction, host: LockedHost, now: Date) => Promise<void>,
): Promise<Host> {
  await getHost(deps.db, uuid)
  await deps.db.transaction(async (tx) => {
    const host = await lockHost(tx, uuid)
    if (!host || host.removedAt !== null) throw new GpulabError('host_not_found')
    await remember(tx, uuid)
    await act(tx, host, deps.clock.now())
  })
  return showHost(deps, uuid)
}

async function setState(
  tx: Transaction,
  { uuid: hostUuid }: LockedHost,
  state: LockedHost['state'],
  now: Date,
): Promise<void> {
  await updateHost(tx, hostUuid, { state, stateSince: now })
  await insertHostEvent(tx, { hostUuid, at: now, type: state, message: `An operator has made it ${state}.` })
  await signalWatchers(tx, hostUuid)
}

const wrongState = ({ name, state }: LockedHost, hint: string): GpulabError =>
  new GpulabError('host_wrong_state', { message: `Host ${name} is ${state}.`, hint, details: { state } })
