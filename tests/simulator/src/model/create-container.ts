import { type CreateContainer, GpulabError } from '@gpulab/contract'
import { isDeepStrictEqual } from 'node:util'
import { deadlineOf } from '../../../../apps/api/src/containers/deadline.ts'
import { noCapacity, type Shortage } from '../../../../apps/api/src/containers/explain-shortage.ts'
import type { PlacementRequest } from '../../../../apps/api/src/containers/placement.ts'
import type { ContainerRecord, ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import type { Shown } from '../control-plane.ts'
import { type Placed, placeContainer, toRequest } from './place-container.ts'
import { findRivals, readCapacities } from './serve-line.ts'
import { type Remember, show } from './show.ts'
import { findRecord, listCandidates, type Model, transact, writeIntent } from './tables.ts'

/** As containers/create-container.ts. */
export async function createContainer(
  model: Model,
  input: CreateContainer,
  remember: Remember,
): Promise<Shown | null> {
  const row = toRow(model, input)
  const existing = input.if_exists === 'fail' ? undefined : findByName(model, row.name)
  if (existing && input.if_exists === 'adopt') {
    requireSame(existing.row, row)
    remember(existing.row.uuid)
    return show(model, existing.row.uuid)
  }
  await model.pause()
  const shortage = await storeContainer(model, row, input.queue, existing, remember)
  if (!shortage) return show(model, row.uuid)
  const isTaken = !existing && findByName(model, row.name) !== undefined
  throw isTaken ? nameTaken() : noCapacity(shortage)
}

const nameTaken = (): GpulabError => new GpulabError('container_name_taken')

function findByName(model: Model, name: string): ContainerRecord | undefined {
  const { containers } = model.tables
  const row = [...containers.values()].find(
    (row) => row.name === name && row.desired !== 'deleted' && row.deletedAt === null,
  )
  return row && findRecord(model, row.uuid)
}

function requireSame(existing: ContainerRow, wanted: ContainerRow): void {
  const keys = [
    'image',
    'command',
    'ports',
    'gpuTypes',
    'gpuCount',
    'memoryBytes',
    'cpus',
    'diskBytes',
    'restart',
  ] as const
  if (keys.some((key) => !isDeepStrictEqual(existing[key], wanted[key]))) throw nameTaken()
}

function toRow(model: Model, input: CreateContainer): ContainerRow {
  const gpuTypes = input.gpu_types ?? (input.gpu_type === undefined ? [] : [input.gpu_type])
  const uuid = model.newUuid()
  const now = model.now()
  return {
    uuid,
    teamUuid: team,
    createdBy: team,
    name: input.name ?? `container-${uuid.slice(0, 8)}`,
    template: null,
    image: input.image ?? '',
    standInFor: null,
    pinnedTo: null,
    volumeDrivers: [],
    command: Array.isArray(input.command) ? input.command : null,
    ports: [],
    secretKeys: [],
    privatePorts: [],
    memoryBytes: input.memory_bytes ?? 4 * 2 ** 30,
    cpus: input.cpus ?? null,
    diskBytes: input.disk_bytes ?? 0,
    gpuTypes: [...new Set(gpuTypes)],
    gpuCount: gpuTypes.length === 0 ? 0 : (input.gpu_count ?? 1),
    restart: input.restart,
    ...unplaced,
    queuedAt: null,
    queueReason: null,
    desired: 'running',
    generation: 1,
    baseGeneration: null,
    startAfter: null,
    attempt: 1,
    deadlineAt: null,
    verdictAttempt: null,
    verdictCode: null,
    verdictMessage: null,
    createdAt: now,
    announcedStatus: 'deploying',
    announcedReason: null,
    announcedAt: now,
    deletedAt: null,
  }
}

/** The only one: what is not yours is missing anyway. */
export const team = '00000000-0000-4000-8000-000000000001'
const unplaced = { hostUuid: null, gpuType: null, holds: false, queueAhead: null, targetVersion: 0 } as const

async function storeContainer(
  model: Model,
  row: ContainerRow,
  mayWait: boolean,
  replaced: ContainerRecord | undefined,
  remember: Remember,
): Promise<Shortage | undefined> {
  const now = model.now()
  const { tables } = model
  const insert = (placed: Placed, announcedStatus: 'deploying' | 'queued', deployTimeoutMs: number): void => {
    if (replaced) giveWay(model, replaced, now)
    if (findByName(model, row.name)) throw nameTaken()
    const deadlineAt = deadlineOf(announcedStatus, now, deployTimeoutMs)
    tables.containers.set(row.uuid, { ...row, ...placed, announcedStatus, deadlineAt })
    tables.events.push({ containerUuid: row.uuid, at: now, status: announcedStatus, reason: null })
    remember(row.uuid)
  }
  const request = toRequest(row)
  const rivals = findRivals(model, row, replaced?.row.uuid)
  const shortage =
    rivals ??
    (await placeContainer(model, request, { uuid: row.uuid, generation: 1 }, (placed, host) =>
      insert(placed, 'deploying', host.deployTimeoutS * 1000),
    ))
  if (!shortage) return undefined
  await model.pause()
  const willBeRoom = !rivals && replaced !== undefined && wouldFit(model, request, replaced)
  if (!mayWait && !willBeRoom) return shortage
  if (!willBeRoom && !readCapacities(model)(request))
    return { message: 'No host is large enough.', details: {} }
  await model.pause()
  const queueReason = rivals ? null : shortage.message
  transact(model, () => insert({ ...unplaced, queuedAt: now, queueReason }, 'queued', 0))
  return undefined
}

function wouldFit(model: Model, request: PlacementRequest, { row }: ContainerRecord): boolean {
  const { gpuType, gpuCount, memoryBytes, cpus, diskBytes, holds } = row
  const after = listCandidates(model, request, model.now()).map((candidate) => {
    if (candidate.hostUuid !== row.hostUuid) return candidate
    const { freeGpus, freeMemoryBytes, freeCpus, freeDiskBytes, freeSlots } = candidate
    return {
      ...candidate,
      freeDiskBytes: freeDiskBytes + diskBytes,
      freeSlots: freeSlots + 1,
      ...(holds && { freeMemoryBytes: freeMemoryBytes + memoryBytes, freeCpus: freeCpus + (cpus ?? 0) }),
      ...(holds &&
        gpuType !== null && {
          freeGpus: { ...freeGpus, [gpuType]: (freeGpus[gpuType] ?? 0) + gpuCount },
        }),
    }
  })
  return model.decide.rankHosts(after, request).length > 0
}

function giveWay(model: Model, { row }: ContainerRecord, now: Date): void {
  const record = findRecord(model, row.uuid)
  if (record?.row.hostUuid !== row.hostUuid) throw new GpulabError('container_wrong_state')
  const change = model.decide.decideDeletion(record, now)
  if (change) writeIntent(model, record, change, now)
}
