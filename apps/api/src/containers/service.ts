import { type Container, type CreateContainer, GpulabError, type Status } from '@gpulab/contract'
import { randomBytes, randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries } from '../db/connect.ts'
import { isDuplicate } from '../db/errors.ts'
import { decodeCursor, encodeCursor, toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { requireGpuType } from '../gpus/service.ts'
import { encrypt } from '../secrets/encryption.ts'
import { getTemplate } from '../templates/service.ts'
import { findRegistry, isAllowedRegistry } from './image-reference.ts'
import { placeContainer } from './place-container.ts'
import { present } from './present.ts'
import { type ContainerRecord, findContainer, listContainers, type NewContainer } from './store.ts'
import { shownStatus } from './view.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

/** More than a page may hold. */
const batchSize = 201
const defaultMemoryBytes = 4 * 2 ** 30

const notFound = (uuid: string): GpulabError =>
  new GpulabError('container_not_found', {
    message: `There is no container ${uuid}.`,
    hint: 'gpulab ls shows yours.',
  })

/** The team's container; another team's is as missing as one that never was. */
export async function getRecord(
  { db }: { db: Queries },
  principal: Pick<Principal, 'teamUuid'>,
  uuid: string,
): Promise<ContainerRecord> {
  const record = await findContainer(db, principal.teamUuid, uuid)
  if (!record) throw notFound(uuid)
  return record
}

/** The container of a host that can be talked to: it runs, as far as is known. */
export async function getRunning(
  deps: Pick<Deps, 'db' | 'clock'>,
  principal: Principal,
  uuid: string,
): Promise<ContainerRecord> {
  const record = await getRecord(deps, principal, uuid)
  const { status, reason } = shownStatus(record, deps.clock.now())
  if (status === 'running') return record
  if (status === 'unreachable')
    throw new GpulabError('host_unreachable', { ...(reason && { message: reason.message }) })
  throw new GpulabError('container_not_running', {
    message: `Container ${record.row.name} is ${status}, not running.`,
    hint:
      status === 'stopped' ? `Start it with gpulab start ${record.row.name}.` : 'gpulab inspect tells more.',
    details: { status, ...(reason && { reason: reason.code }) },
  })
}

export async function createContainer(
  deps: Parts,
  principal: Principal,
  input: CreateContainer,
): Promise<Container> {
  const { config, clock } = deps
  if (input.volumes && input.volumes.length > 0) {
    throw new GpulabError('not_available', {
      message: 'This installation has no volumes yet.',
      hint: 'Deploy without --volume.',
    })
  }
  checkRegistry(input.image, config.registries)
  const template = input.template === undefined ? undefined : await getTemplate(deps, input.template)
  const gpuType = input.gpu_type === undefined ? null : (await requireGpuType(deps, input.gpu_type)).name
  const uuid = randomUUID()
  const now = clock.now()
  const name = input.name ?? `${template?.name ?? 'container'}-${randomBytes(4).toString('hex')}`
  const row: Omit<NewContainer, 'hostUuid' | 'targetVersion'> = {
    uuid,
    teamUuid: principal.teamUuid,
    createdBy: principal.userUuid,
    name,
    template: template?.name ?? null,
    image: template?.image ?? input.image ?? '',
    standInFor: template?.standInFor ?? null,
    command: toArgv(input.command) ?? template?.command ?? null,
    env: encrypt(config.encryptionKey, JSON.stringify(input.env ?? {}), uuid),
    ports: [...new Set(input.ports ?? template?.ports ?? [])],
    memoryBytes: input.memory_bytes ?? template?.memoryBytes ?? defaultMemoryBytes,
    cpus: input.cpus ?? null,
    gpuType,
    gpuCount: gpuType === null ? 0 : (input.gpu_count ?? 1),
    desired: 'running',
    createdAt: now,
    announcedStatus: 'deploying',
    announcedAt: now,
  }
  try {
    await placeContainer(deps, row)
  } catch (error) {
    if (!isDuplicate(error, 'containers_name')) throw error
    throw new GpulabError('container_name_taken', {
      message: `There is a container named ${name} already.`,
      hint: `Choose another name, or gpulab rm ${name} first.`,
    })
  }
  return present(deps, await getRecord(deps, principal, uuid))
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

export async function showContainer(
  deps: Parts,
  principal: Principal,
  uuid: string,
  showEnv: boolean,
): Promise<Container> {
  return present(deps, await getRecord(deps, principal, uuid), showEnv)
}

export async function pageContainers(
  deps: Parts,
  principal: Principal,
  query: { limit: number; cursor: string | undefined; name: string | undefined; status: Status | undefined },
) {
  const { limit, name, status } = query
  const now = deps.clock.now()
  const found: ContainerRecord[] = []
  let after = query.cursor === undefined ? undefined : decodeCursor(query.cursor)
  // The status follows from several rows and the clock, so it is filtered here and not by the database.
  for (let more = true; more && found.length <= limit;) {
    const batch = await listContainers(deps.db, principal.teamUuid, { name, after, limit: batchSize })
    found.push(
      ...batch.filter((record) => status === undefined || shownStatus(record, now).status === status),
    )
    const last = batch.at(-1)
    after = last && positionOf(last)
    more = batch.length === batchSize
  }
  const page = toPage(found, limit, (record) => encodeCursor(positionOf(record)))
  return { ...page, items: page.items.map((record) => present(deps, record)) }
}

const positionOf = ({ row }: ContainerRecord) => ({ at: row.createdAt, uuid: row.uuid })
