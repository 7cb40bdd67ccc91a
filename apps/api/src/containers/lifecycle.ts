import { type Container, GpulabError, type Status } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { announceStatus } from '../events/store.ts'
import { bumpTarget, lockHost } from '../hosts/store.ts'
import { leaseAgain } from '../leases/service.ts'
import { present } from './present.ts'
import { getRecord } from './service.ts'
import { statusOf } from './status.ts'
import { type ContainerRecord, type NewContainer, updateContainer } from './store.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

export const stopContainer = (deps: Parts, principal: Principal, uuid: string): Promise<Container> =>
  changeIntent(deps, principal, uuid, async (record) => {
    const { status } = statusOf(record.intent, record.facts)
    if (status === 'stopped' || status === 'stopping') return undefined
    if (status === 'failed' || status === 'deleting') throw wrongState(record, 'stop')
    return { desired: 'stopped' }
  })

export const startContainer = (deps: Parts, principal: Principal, uuid: string): Promise<Container> =>
  changeIntent(deps, principal, uuid, async (record, tx) => {
    const { row, intent, facts } = record
    const { status } = statusOf(intent, facts)
    if (['running', 'starting', 'deploying', 'restarting'].includes(status)) return undefined
    const wasStopped = status === 'stopped'
    const hasEnded = facts?.state === 'exited' && status === 'failed'
    if (!wasStopped && !hasEnded) throw wrongState(record, 'start')
    if (row.gpuType !== null && record.gpus.length === 0) {
      const wasMade = facts?.state === 'exited' || facts?.state === 'created'
      await leaseAgain(tx, { ...row, gpuType: row.gpuType, wasMade, leasedAt: deps.clock.now() })
    }
    return { desired: 'running', startAfter: facts?.startedAt ?? null, attempt: row.attempt + 1 }
  })

export const restartContainer = (deps: Parts, principal: Principal, uuid: string): Promise<Container> =>
  changeIntent(deps, principal, uuid, async (record) => {
    const { status } = statusOf(record.intent, record.facts)
    if (status === 'restarting') return undefined
    if (status !== 'running') throw wrongState(record, 'restart')
    return { startAfter: record.facts?.startedAt ?? null, attempt: record.row.attempt + 1 }
  })

export async function removeContainer(deps: Parts, principal: Principal, uuid: string): Promise<void> {
  await changeIntent(deps, principal, uuid, async ({ row }) =>
    row.desired === 'deleted' ? undefined : { desired: 'deleted' },
  )
}

function wrongState(record: ContainerRecord, verb: string): GpulabError {
  const { status } = statusOf(record.intent, record.facts)
  const { name } = record.row
  return new GpulabError('container_wrong_state', {
    message: `Container ${name} is ${status}; it cannot ${verb} from there.`,
    hint: nextStep(status, name),
    details: { status },
  })
}

function nextStep(status: Status, name: string): string {
  if (status === 'stopped') return `Start it with gpulab start ${name}.`
  if (status === 'failed')
    return `gpulab inspect ${name} says why; gpulab start or rm ${name} goes on from there.`
  return `Wait: gpulab inspect ${name} shows when that is over.`
}

/**
 * Decides on a container while its host is locked, so that no report or other request comes between. The host gets a
 * new target version with every change; `decide` gives undefined when all is as wanted already.
 */
async function changeIntent(
  deps: Parts,
  principal: Principal,
  uuid: string,
  decide: (record: ContainerRecord, tx: Transaction) => Promise<Partial<NewContainer> | undefined>,
): Promise<Container> {
  const { row } = await getRecord(deps, principal, uuid)
  return deps.db.transaction(async (tx) => {
    await lockHost(tx, row.hostUuid)
    const record = await getRecord({ db: tx }, principal, uuid)
    const change = await decide(record, tx)
    if (!change) return present(deps, record)

    await updateContainer(tx, uuid, { ...change, targetVersion: await bumpTarget(tx, row.hostUuid) })
    const changed = await getRecord({ db: tx }, principal, uuid)
    await announceStatus(tx, uuid, statusOf(changed.intent, changed.facts), deps.clock.now())
    return present(deps, await getRecord({ db: tx }, principal, uuid))
  })
}
