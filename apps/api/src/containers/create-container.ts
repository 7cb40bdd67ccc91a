import { type Container, type CreateContainer, GpulabError } from '@gpulab/contract'
import { randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import { isDuplicate } from '../db/errors.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { requireGpuType } from '../gpus/service.ts'
import { lockHost, signalCapacity } from '../hosts/store.ts'
import type { Remember } from '../idempotency/service.ts'
import { aliveSince } from '../leases/service.ts'
import { listCandidates } from '../leases/store.ts'
import { encrypt } from '../secrets/encryption.ts'
import { getTemplate } from '../templates/service.ts'
import { deadlineOf } from './deadline.ts'
import { decideDeletion } from './decide-change.ts'
import { noCapacity, type Shortage } from './explain-shortage.ts'
import { findRegistry, isAllowedRegistry } from './image-reference.ts'
import { placeContainer, type Placed, toRequest } from './place-container.ts'
import { type Candidate, type PlacementRequest, rankHosts } from './placement.ts'
import { presentOne } from './present.ts'
import { isRival } from './queue.ts'
import { getRecord } from './service.ts'
import {
  type ContainerRecord,
  type ContainerRow,
  findAnyContainer,
  findByName,
  insertContainer,
  listWaiting,
  type NewContainer,
} from './store.ts'
import { writeIntent } from './write-intent.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>
type Needs = Pick<ContainerRow, 'gpuTypes' | 'gpuCount' | 'memoryBytes' | 'cpus' | 'diskBytes' | 'image'>
type Unplaced = Omit<NewContainer, keyof Placed | keyof Needs> & Needs

const defaultMemoryBytes = 4 * 2 ** 30

export async function createContainer(
  deps: Parts,
  principal: Principal,
  input: CreateContainer,
  remember: Remember,
): Promise<Container> {
  const row = await toRow(deps, principal, input)
  const existing =
    input.if_exists === 'fail' ? undefined : await findByName(deps.db, principal.teamUuid, row.name)
  if (existing && input.if_exists === 'adopt') {
    requireSame(existing.row, row)
    await remember(deps.db, existing.row.uuid)
    return presentOne(deps, existing)
  }
  try {
    const shortage = await storeContainer(deps, row, { queue: input.queue, replaced: existing, remember })
    if (!shortage) return await presentOne(deps, await getRecord(deps, principal, row.uuid))
    const isTaken = !existing && (await findByName(deps.db, principal.teamUuid, row.name)) !== undefined
    throw isTaken ? nameTaken(row.name) : noCapacity(shortage)
  } catch (error) {
    throw isDuplicate(error, 'containers_name') ? nameTaken(row.name) : error
  }
}

const nameTaken = (name: string): GpulabError =>
  new GpulabError('container_name_taken', {
    message: `There is a container named ${name} already.`,
    hint: `Choose another name, or gpulab rm ${name} first; --if-exists adopt or replace deals with it.`,
  })

async function toRow(
  { db, config, clock }: Parts,
  principal: Principal,
  input: CreateContainer,
): Promise<Unplaced> {
  if (input.volumes.length > 0) {
    throw new GpulabError('not_available', {
      message: 'This installation has no volumes yet.',
      hint: 'Deploy without --volume.',
    })
  }
  checkRegistry(input.image, config.registries)
  const template = input.template === undefined ? undefined : await getTemplate({ db }, input.template)
  const gpuTypes = [...new Set(input.gpu_types ?? (input.gpu_type === undefined ? [] : [input.gpu_type]))]
  await Promise.all(gpuTypes.map((name) => requireGpuType({ db }, name)))
  const uuid = randomUUID()
  return {
    uuid,
    teamUuid: principal.teamUuid,
    createdBy: principal.userUuid,
    name: input.name ?? `${template?.name ?? 'container'}-${randomBytes(4).toString('hex')}`,
    template: template?.name ?? null,
    image: template?.image ?? input.image ?? '',
    standInFor: template?.standInFor ?? null,
    command: toArgv(input.command) ?? template?.command ?? null,
    env: encrypt(config.encryptionKey, JSON.stringify(input.env), uuid),
    ports: [...new Set(input.ports ?? template?.ports ?? [])],
    memoryBytes: input.memory_bytes ?? template?.memoryBytes ?? defaultMemoryBytes,
    cpus: input.cpus ?? null,
    diskBytes: input.disk_bytes,
    gpuTypes,
    gpuCount: gpuTypes.length === 0 ? 0 : (input.gpu_count ?? 1),
    restart: input.restart,
    desired: 'running',
    createdAt: clock.now(),
    announcedStatus: 'deploying',
    announcedAt: clock.now(),
  }
}

function checkRegistry(image: string | undefined, allowed: readonly string[]): void {
  const registry = findRegistry(image ?? '')
  if (registry === undefined || isAllowedRegistry(registry, allowed)) return
  throw new GpulabError('invalid_request', {
    message: `Images may not come from ${registry}: it is an address or a local name.`,
    hint: 'Use a registry with a public name, or ask your administrator to allow it (GPULAB_REGISTRIES).',
  })
}

/** A string is one argument of a shell's, so nothing in it is quoted or split by us. */
const toArgv = (command: CreateContainer['command']): string[] | undefined =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : command

/** Throws unless the container that exists is what was asked for, as far as that can be told. */
function requireSame(existing: ContainerRow, wanted: Unplaced): void {
  const different = (['image', 'gpuCount', 'gpuTypes', 'memoryBytes', 'command'] as const).filter(
    (key) => !isDeepStrictEqual(existing[key], wanted[key]),
  )
  if (different.length === 0) return
  throw new GpulabError('container_name_taken', {
    message: `There is a container named ${existing.name}, but it is another one: its ${different.map(toWord).join(', ')} differ.`,
    hint: 'Give it another name, or take its place with --if-exists replace.',
    details: { uuid: existing.uuid, different: different.map(toWord) },
  })
}

const toWord = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Places it or puts it in line, in the place of another one if need be; gives what is missing where neither is done. */
async function storeContainer(
  deps: Parts,
  row: Unplaced,
  {
    queue: mayWait,
    replaced,
    remember,
  }: { queue: boolean; replaced: ContainerRecord | undefined; remember: Remember },
): Promise<Shortage | undefined> {
  const now = deps.clock.now()
  const request = toRequest(row)
  const insert = async (
    tx: Transaction,
    placed: Placed,
    status: 'deploying' | 'queued',
    deployTimeoutMs: number,
  ) => {
    if (replaced) await giveWay(tx, replaced, now)
    const deadlineAt = deadlineOf(status, now, deployTimeoutMs)
    await insertContainer(tx, { ...row, ...placed, announcedStatus: status, deadlineAt })
    const { uuid, teamUuid } = row
    const event = { containerUuid: uuid, teamUuid, at: now, type: 'status' as const, status, message: status }
    await Promise.all([insertEvents(tx, [event]), remember(tx, uuid)])
  }
  const others = replaced?.host ? [replaced.host.uuid] : []
  const shortage =
    (await findRivals(deps, row)) ??
    (await placeContainer(
      deps,
      request,
      { uuid: row.uuid, generation: 1 },
      (tx, placed, host) => insert(tx, placed, 'deploying', host.deployTimeoutS * 1000),
      others,
    ))
  const willBeRoom = replaced !== undefined && (await wouldFit(deps, request, replaced))
  if (!shortage || !(mayWait || willBeRoom)) return shortage
  await deps.db.transaction(async (tx) => {
    for (const uuid of others) await lockHost(tx, uuid)
    const queued = { queuedAt: now, queueReason: shortage.message }
    await insert(tx, { ...unplaced, ...queued }, 'queued', 0)
    await signalCapacity(tx)
  })
  return undefined
}

const unplaced = { hostUuid: null, gpuType: null, holds: false, targetVersion: 0 } as const

/** Those who wait for the same come first. */
async function findRivals({ db }: Pick<Deps, 'db'>, row: Unplaced): Promise<Shortage | undefined> {
  const rivals = (await listWaiting(db)).filter((waiting) => isRival(waiting, row))
  if (rivals.length === 0) return undefined
  return {
    message: `${rivals.length} ${rivals.length === 1 ? 'container waits' : 'containers wait'} in line for the same.`,
    details: { in_line: rivals.length },
  }
}

/** Whether there would be room if the container that gives way were gone. */
async function wouldFit(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  request: PlacementRequest,
  { row }: ContainerRecord,
): Promise<boolean> {
  const candidates = await listCandidates(db, request, { seenAfter: aliveSince(clock.now()), all: true })
  const after = candidates.map((candidate) =>
    candidate.hostUuid === row.hostUuid ? withShareOf(candidate, row) : candidate,
  )
  return rankHosts(after, request).length > 0
}

function withShareOf(
  candidate: Candidate,
  { gpuType, gpuCount, memoryBytes, cpus, diskBytes, holds }: ContainerRow,
) {
  const { freeGpus, freeMemoryBytes, freeCpus, freeDiskBytes } = candidate
  return {
    ...candidate,
    freeDiskBytes: freeDiskBytes + diskBytes,
    ...(holds && { freeMemoryBytes: freeMemoryBytes + memoryBytes, freeCpus: freeCpus + (cpus ?? 0) }),
    ...(holds &&
      gpuType !== null && {
        freeGpus: { ...freeGpus, [gpuType]: (freeGpus[gpuType] ?? 0) + gpuCount },
      }),
  }
}

/** Deletes the container that another one takes the place of, unless that was done meanwhile. */
async function giveWay(tx: Transaction, { row }: ContainerRecord, now: Date): Promise<void> {
  const record = await findAnyContainer(tx, row.uuid)
  const change = record && decideDeletion(record, now)
  if (!change) return
  if (record.row.hostUuid !== row.hostUuid) {
    throw new GpulabError('container_wrong_state', {
      message: `Container ${row.name} was just placed on another host.`,
      hint: 'Try again.',
    })
  }
  await writeIntent(tx, record, change, now)
}
