import { GpulabError, type Status } from '@gpulab/contract'
import type { LockedHost } from '../hosts/store.ts'
import { type Card, type ChosenCards, chooseCards } from '../leases/choose-cards.ts'
import { toVerdict } from './deadline.ts'
import { nextStepOf, stepContextOf } from './next-step.ts'
import type { PlacementRequest } from './placement.ts'
import { canGoOn, isRestartingItself, statusOf, wasMade } from './status.ts'
import type { ContainerRecord, ContainerRow } from './store.ts'

/** Of one host: its whole target travels to it, and its whole picture back. */
export const containersMax = 512

/** A change of intent; undefined when all is as wanted already. */
export type Change = Partial<ContainerRow> | undefined

/** A host's own totals and what is promised of them. */
export type HostShares = Pick<
  LockedHost,
  | 'uuid'
  | 'name'
  | 'state'
  | 'cpus'
  | 'memoryBytes'
  | 'diskBytes'
  | 'requestedCpus'
  | 'requestedMemoryBytes'
  | 'requestedDiskBytes'
  | 'containersCount'
>

export function decideStop(record: ContainerRecord): Change {
  const { status } = statusOf(record.intent, record.facts)
  if (status === 'stopped' || status === 'stopping') return undefined
  if (status === 'failed' || status === 'deleting' || status === 'queued') throw wrongState(record, 'stop')
  return { desired: 'stopped' }
}

export function decideRestart(record: ContainerRecord): Change {
  const { status } = statusOf(record.intent, record.facts)
  if (status === 'restarting') return undefined
  if (status !== 'running') throw wrongState(record, 'restart')
  return { startAfter: record.facts?.startedAt ?? null, attempt: record.row.attempt + 1 }
}

/** A start, and the cards that it takes. */
export interface Start {
  readonly change: NonNullable<Change>
  readonly cards: ChosenCards | undefined
}

/** Decides on a start with the cards that it was made with and those that are free on its locked host. */
export function decideStart(
  record: ContainerRecord,
  host: HostShares | undefined,
  { last, free }: { readonly last: readonly Card[]; readonly free: readonly Card[] },
): Start | undefined {
  const { row, intent, facts } = record
  const { status, reason } = statusOf(intent, facts)
  if (['running', 'starting', 'deploying', 'restarting', 'queued'].includes(status)) return undefined
  const isMade = wasMade(intent, facts)
  const canStart = status === 'stopped' || (status === 'failed' && canGoOn(intent, facts))
  if (!canStart || !host || reason?.code === 'stop_timeout') throw wrongState(record, 'start')
  const change = {
    desired: 'running',
    startAfter: facts?.startedAt ?? row.startAfter,
    attempt: row.attempt + 1,
    holds: true,
  } as const
  requireOpen(host, row)
  if (row.holds) return { change, cards: undefined }
  requireShare(host, row)
  if (row.gpuCount === 0) return { change, cards: undefined }
  const cards = chooseCards({ ...row, last: isMade ? last : [] }, free)
  if (!cards) throw noCards(record, free)
  const { generation, gpuType } = cards
  const isMadeAnew = isMade && generation !== row.generation
  return {
    change: { ...change, generation, gpuType, ...(isMadeAnew && { baseGeneration: row.generation }) },
    cards,
  }
}

/** Gets one in line again that left it without a place. */
export function decideWaitAgain(record: ContainerRecord, now: Date): Change {
  const { row, intent, facts } = record
  // It was placed while its request was under way: in line as well, it would be placed a second time.
  if (row.hostUuid !== null) throw wrongState(record, 'get in line')
  if (statusOf(intent, facts).status !== 'failed') return undefined
  return { queuedAt: now, queueAhead: null, queueReason: null, attempt: row.attempt + 1 }
}

/** Whether a locked host has room, cards aside. */
export function hasRoom(
  host: HostShares,
  {
    memoryBytes,
    cpus,
    diskBytes,
    residesOn,
  }: Omit<PlacementRequest, 'gpuTypes' | 'gpuCount' | 'image' | 'pinnedTo' | 'volumeDrivers'>,
): boolean {
  const hasSize =
    host.memoryBytes - host.requestedMemoryBytes >= memoryBytes &&
    host.cpus - host.requestedCpus >= (cpus ?? 0)
  if (residesOn === host.uuid) return hasSize
  // An agent that cannot see the disk of its engine says 0.
  const hasDisk = host.diskBytes === 0 || host.diskBytes - host.requestedDiskBytes >= diskBytes
  return hasSize && hasDisk && host.containersCount < containersMax
}

const elsewhere = ({ name }: ContainerRow): string =>
  `gpulab redeploy ${name} places it on another host, without its files.`

/** Also for one whose share is its own still: what an operator empties is not to fill again. */
function requireOpen(host: HostShares, row: ContainerRow): void {
  if (host.state !== 'draining' && host.state !== 'fenced') return
  const why = host.state === 'fenced' ? 'declared it dead' : 'drained it'
  throw new GpulabError('no_capacity', {
    message: `Its host ${host.name} takes no work: an operator has ${why}.`,
    hint: elsewhere(row),
  })
}

function requireShare(host: HostShares, row: ContainerRow): void {
  if (hasRoom(host, { ...row, residesOn: host.uuid })) return
  throw new GpulabError('no_capacity', {
    message: `Its host ${host.name} has not enough memory or CPUs free for it now.`,
    hint: `Try again later; or ${elsewhere(row)}`,
  })
}

function noCards({ row }: ContainerRecord, free: readonly Card[]): GpulabError {
  const { gpuTypes, gpuCount, name } = row
  const most = Math.max(...gpuTypes.map((type) => free.filter((card) => card.name === type).length))
  return new GpulabError('no_capacity', {
    message: `Its host has ${most} of the ${gpuCount} ${gpuTypes.join(' or ')} free that it needs; the others are in use.`,
    hint: `Try again later; or gpulab redeploy ${name} places it on another host, without its files.`,
    details: { gpu_types: gpuTypes, wanted: gpuCount, free: most },
  })
}

/** Deletes a container: at once where no host that counts has anything of it. */
export const decideDeletion = ({ row, host }: ContainerRecord, now: Date): Change =>
  row.desired === 'deleted'
    ? undefined
    : {
        desired: 'deleted',
        queuedAt: null,
        attempt: row.attempt + 1,
        ...((!host || host.state === 'fenced') && { deletedAt: now, holds: false }),
      }

/** The end of a passing status that has outlasted its deadline; undefined where it has not, or lasts by now. */
export function decideExpiry(
  { row, intent, facts, host }: ContainerRecord,
  isSilent: boolean,
  now: Date,
): Change {
  if (row.deadlineAt === null || row.deadlineAt > now) return undefined
  // Its host goes on with the policy while it is cut off: there is nothing to give up.
  if (isSilent && isRestartingItself(intent, facts)) return { deadlineAt: null }
  const verdict = toVerdict(statusOf(intent, facts).status, host?.name, isSilent)
  if (!verdict) return { deadlineAt: null }
  return {
    verdictAttempt: row.attempt,
    verdictCode: verdict.code,
    verdictMessage: verdict.message,
    queuedAt: null,
  }
}

export function wrongState(record: ContainerRecord, verb: string): GpulabError {
  const { status, reason } = statusOf(record.intent, record.facts)
  const { name } = record.row
  return new GpulabError('container_wrong_state', {
    message: `Container ${name} is ${status}; it cannot ${verb} from there.`,
    hint: nextStepOf(status, reason, stepContextOf(record)) ?? hintFor(status, name),
    details: { status, ...(reason && { reason: reason.code }) },
  })
}

const hintFor = (status: Status, name: string): string =>
  status === 'running'
    ? `gpulab stop ${name} stops it first.`
    : `Wait: gpulab inspect ${name} shows when that is over.`
