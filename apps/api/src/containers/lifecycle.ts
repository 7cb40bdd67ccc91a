import { type Container, GpulabError, type Status } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import type { HostRow } from '../hosts/store.ts'
import type { Remember } from '../idempotency/service.ts'
import { leaseAgain } from '../leases/service.ts'
import { lockContainer } from './lock-container.ts'
import { nextStepOf } from './next-step.ts'
import { hasRoom } from './place-container.ts'
import { presentOne } from './present.ts'
import { getRecord } from './service.ts'
import { statusOf } from './status.ts'
import type { ContainerRecord, NewContainer } from './store.ts'
import { writeIntent } from './write-intent.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

/** A change of intent; undefined when all is as wanted already. */
type Change = Partial<NewContainer> | undefined

export const stopContainer = (
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember,
): Promise<Container> =>
  changeIntent(deps, principal, uuid, remember, async (record) => {
    const { status } = statusOf(record.intent, record.facts)
    if (status === 'stopped' || status === 'stopping') return undefined
    if (status === 'failed' || status === 'deleting' || status === 'queued') throw wrongState(record, 'stop')
    return { desired: 'stopped' }
  })

export const startContainer = (
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember,
): Promise<Container> =>
  changeIntent(deps, principal, uuid, remember, async (record, tx, host) => {
    const { row, intent, facts } = record
    const { status, reason } = statusOf(intent, facts)
    if (['running', 'starting', 'deploying', 'restarting', 'queued'].includes(status)) return undefined
    const wasMade =
      row.generation === facts?.generation && (facts.state === 'exited' || facts.state === 'created')
    const canStart = status === 'stopped' || (status === 'failed' && (wasMade || row.baseGeneration !== null))
    if (!canStart || !host || reason?.code === 'stop_timeout') throw wrongState(record, 'start')
    return {
      ...(await takeShareAgain(tx, record, host, wasMade, deps.clock.now())),
      desired: 'running',
      startAfter: facts?.startedAt ?? row.startAfter,
      attempt: row.attempt + 1,
    }
  })

/** Its share of the locked host, unless it has it still. */
async function takeShareAgain(
  tx: Transaction,
  { row }: ContainerRecord,
  host: HostRow,
  wasMade: boolean,
  now: Date,
): Promise<Partial<NewContainer>> {
  if (row.holds) return {}
  if (host.state === 'draining' || host.state === 'fenced') {
    throw new GpulabError('no_capacity', {
      message: `Its host ${host.name} takes no work: an operator has ${host.state === 'fenced' ? 'declared it dead' : 'drained it'}.`,
      hint: `gpulab redeploy ${row.name} places it on another host, without its files.`,
    })
  }
  // Its disk is its own as long as its files are there.
  if (!hasRoom(host, { ...row, diskBytes: 0 })) {
    throw new GpulabError('no_capacity', {
      message: `Its host ${host.name} has not enough memory or CPUs free for it now.`,
      hint: `Try again later; or gpulab redeploy ${row.name} places it on another host, without its files.`,
    })
  }
  if (row.gpuCount === 0) return { holds: true }
  const leased = await leaseAgain(tx, { ...row, hostUuid: host.uuid, wasMade, leasedAt: now })
  const isMadeAnew = wasMade && leased.generation !== row.generation
  return { ...leased, holds: true, ...(isMadeAnew && { baseGeneration: row.generation }) }
}

export const restartContainer = (
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember,
): Promise<Container> =>
  changeIntent(deps, principal, uuid, remember, async (record) => {
    const { status } = statusOf(record.intent, record.facts)
    if (status === 'restarting') return undefined
    if (status !== 'running') throw wrongState(record, 'restart')
    return { startAfter: record.facts?.startedAt ?? null, attempt: record.row.attempt + 1 }
  })

/** Deletes it in whatever status it is; what its host still has of it is gone when that returns. */
export async function removeContainer(deps: Parts, principal: Principal, uuid: string): Promise<void> {
  await changeIntent(deps, principal, uuid, undefined, async (record) =>
    record.row.desired === 'deleted' ? undefined : deletion(record, deps.clock.now()),
  )
}

/** The change of intent that deletes a container: at once where no host that counts has anything of it. */
export const deletion = ({ row, host }: ContainerRecord, now: Date): Partial<NewContainer> => ({
  desired: 'deleted',
  queuedAt: null,
  attempt: row.attempt + 1,
  ...((!host || host.state === 'fenced') && { deletedAt: now, holds: false }),
})

export function wrongState(record: ContainerRecord, verb: string): GpulabError {
  const { status, reason } = statusOf(record.intent, record.facts)
  const { name } = record.row
  return new GpulabError('container_wrong_state', {
    message: `Container ${name} is ${status}; it cannot ${verb} from there.`,
    hint: nextStepOf(status, reason, name) ?? hintFor(status, name),
    details: { status, ...(reason && { reason: reason.code }) },
  })
}

const hintFor = (status: Status, name: string): string =>
  status === 'running'
    ? `gpulab stop ${name} stops it first.`
    : `Wait: gpulab inspect ${name} shows when that is over.`

/**
 * Decides on a container while its host is locked, so that no report or other request comes between; or its place in
 * line, where it has no host. The host gets a new target version with every change.
 */
export async function changeIntent(
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember | undefined,
  decide: (record: ContainerRecord, tx: Transaction, host: HostRow | undefined) => Promise<Change>,
): Promise<Container> {
  for (;;) {
    const { row } = await getRecord(deps, principal, uuid)
    const changed = await deps.db.transaction(async (tx) => {
      const locked = await lockContainer(tx, uuid, row.hostUuid)
      if (!locked) return undefined
      const { record, host } = locked
      await remember?.(tx, uuid)
      const change = await decide(record, tx, host)
      if (!change) return record
      await writeIntent(tx, record, change, deps.clock.now())
      return change.deletedAt ? record : getRecord({ db: tx }, principal, uuid)
    })
    if (changed) return presentOne(deps, changed)
  }
}
