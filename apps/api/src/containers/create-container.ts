import { type Container, type CreateContainer, GpulabError } from '@gpulab/contract'
import type { Moments } from '@gpulab/fail-points'
import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import { isDuplicate } from '../db/errors.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { lockHost, signalCapacity } from '../hosts/store.ts'
import type { Remember } from '../idempotency/service.ts'
import { requireBalance } from '../usage/service.ts'
import { requireQuota } from '../quotas/service.ts'
import { deadlineOf } from './deadline.ts'
import { noCapacity, type Shortage } from './explain-shortage.ts'
import { toNewContainer, type Unplaced } from './new-container.ts'
import { placeContainer, type Placed, type Share, toRequest } from './place-container.ts'
import { openEnvironment, presentNew, presentOne } from './present.ts'
import { giveWay, wouldFit } from './replace-container.ts'
import { findImpossible, findRivals } from './serve-line.ts'
import { attachMounts, type ContainerMount } from '../volumes/mounts.ts'
import { getRecord } from './service.ts'
import {
  type ContainerRecord,
  type ContainerRow,
  findByName,
  insertContainer,
  readEnvironments,
} from './store.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock' | 'metrics'> & { readonly moment: Moments }

export async function createContainer(
  deps: Parts,
  principal: Principal,
  input: CreateContainer,
  remember: Remember,
): Promise<Container> {
  const { row, mounts } = await toNewContainer(deps, principal, input)
  const env = openEnvironment(deps.config, row.uuid, row.env)
  const existing =
    input.if_exists === 'fail' ? undefined : await findByName(deps.db, principal.teamUuid, row.name)
  if (existing && input.if_exists === 'adopt') {
    await requireSame(deps, existing, { row, mounts }, env)
    await remember(deps.db, existing.row.uuid)
    return presentOne(deps, existing)
  }
  await requireBalance(deps, principal.teamUuid, row.gpuCount)
  try {
    const stored = await storeContainer(deps, row, {
      mounts,
      queue: input.queue,
      replaced: existing,
      remember,
    })
    // What its volumes are called, the database knows.
    if (stored === 'queued' || ('row' in stored && mounts.length > 0)) {
      return await presentOne(deps, await getRecord(deps, principal, row.uuid))
    }
    if ('row' in stored) return presentNew(deps, stored, env)
    const isTaken = !existing && (await findByName(deps.db, principal.teamUuid, row.name)) !== undefined
    throw isTaken ? nameTaken(row.name) : noCapacity(stored)
  } catch (error) {
    throw isDuplicate(error, 'containers_name') ? nameTaken(row.name) : error
  }
}

const nameTaken = (name: string): GpulabError =>
  new GpulabError('container_name_taken', {
    message: `There is a container named ${name} already.`,
    hint: `Choose another name, or gpulab rm ${name} first; --if-exists adopt or replace deals with it.`,
  })

/** Throws unless the container that exists is what was asked for, as far as that can be told. */
async function requireSame(
  { db, config }: Parts,
  { row: existing, volumes }: ContainerRecord,
  { row: wanted, mounts }: { readonly row: Unplaced; readonly mounts: readonly ContainerMount[] },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const sealed = (await readEnvironments(db, [existing.uuid])).get(existing.uuid)
  const hasEnv = sealed && isDeepStrictEqual(openEnvironment(config, existing.uuid, sealed), env)
  const different = [
    ...compared.filter((key) => !isDeepStrictEqual(existing[key], wanted[key] ?? null)),
    ...(hasEnv ? [] : (['env'] as const)),
    ...(isDeepStrictEqual(volumes.map(toMount), mounts) ? [] : (['volumes'] as const)),
  ]
  if (different.length === 0) return
  throw new GpulabError('container_name_taken', {
    message: `There is a container named ${existing.name}, but it is another one: its ${listWords(different)}.`,
    hint: 'Give it another name, or take its place with --if-exists replace.',
    details: { uuid: existing.uuid, different: different.map(toWord) },
  })
}

const toMount = ({ uuid, mountPath, readOnly }: ContainerRecord['volumes'][number]): ContainerMount => ({
  volumeUuid: uuid,
  mountPath,
  readOnly,
})

const compared = [
  'image',
  'command',
  'ports',
  'privatePorts',
  'gpuTypes',
  'gpuCount',
  'memoryBytes',
  'cpus',
  'diskBytes',
  'restart',
] as const

/** "image, GPU types and memory differ" */
function listWords(keys: readonly (keyof typeof words)[]): string {
  const all = keys.map((key) => words[key])
  const last = all.at(-1)
  return all.length === 1 ? `${last} differs` : `${all.slice(0, -1).join(', ')} and ${last} differ`
}

const words = {
  image: 'image',
  command: 'command',
  ports: 'list of ports',
  privatePorts: 'list of private ports',
  gpuTypes: 'list of GPU types',
  gpuCount: 'number of GPUs',
  memoryBytes: 'memory',
  cpus: 'number of CPUs',
  diskBytes: 'disk space',
  restart: 'restart policy',
  env: 'environment',
  volumes: 'list of volumes',
} as const

const toWord = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

interface StoreOptions {
  readonly mounts: readonly ContainerMount[]
  readonly queue: boolean
  readonly replaced: ContainerRecord | undefined
  readonly remember: Remember
}

/**
 * Places it or puts it in line, in the place of another one if need be. Gives it as it was placed, or what is missing
 * where neither was done.
 */
async function storeContainer(
  deps: Parts,
  row: Unplaced,
  { mounts, queue: mayWait, replaced, remember }: StoreOptions,
): Promise<ContainerRecord | 'queued' | Shortage> {
  const now = deps.clock.now()
  const request = toRequest(row)
  const insert = async (
    tx: Transaction,
    placed: Placed,
    status: 'deploying' | 'queued',
    deployTimeoutMs: number,
  ): Promise<ContainerRow> => {
    if (replaced) await giveWay(tx, replaced, now)
    await requireQuota(tx, row.teamUuid, { containers: 1, gpus: row.gpuCount })
    const deadlineAt = deadlineOf(status, now, deployTimeoutMs)
    const { uuid, teamUuid } = row
    const event = { containerUuid: uuid, teamUuid, at: now, type: 'status' as const, status, message: status }
    const inserted = await insertContainer(tx, { ...row, ...placed, announcedStatus: status, deadlineAt })
    await attachMounts(tx, uuid, mounts)
    await Promise.all([insertEvents(tx, [event]), remember(tx, uuid)])
    return inserted
  }
  let record: ContainerRecord | undefined
  const others = replaced?.host ? [replaced.host.uuid] : []
  const rivals = await findRivals(deps, row, replaced?.row.uuid)
  const shortage =
    rivals ??
    (await placeContainer(
      deps,
      request,
      { uuid: row.uuid, generation: 1 },
      async (tx, placed, share) => {
        record = toRecord(await insert(tx, placed, 'deploying', share.host.deployTimeoutS * 1000), share)
      },
      others,
    ))
  if (!shortage) return record ?? 'queued'
  // Who is replaced gives its place to the one that replaces it, and to nobody else in line.
  const willBeRoom = !rivals && replaced !== undefined && (await wouldFit(deps, request, replaced))
  if (!willBeRoom) {
    const impossible = await findImpossible(deps, request)
    if (impossible) return impossible
    if (!mayWait) return shortage
  }
  await deps.db.transaction(async (tx) => {
    for (const uuid of others) await lockHost(tx, uuid)
    const queueReason = rivals ? null : shortage.message
    await insert(tx, { ...unplaced, queuedAt: now, queueReason }, 'queued', 0)
    await signalCapacity(tx)
    await deps.moment('written', row.uuid)
  })
  await deps.moment('committed', row.uuid)
  return 'queued'
}

/** What was stored is known: nothing has to be read for the answer. */
const toRecord = (row: ContainerRow, { host, cards }: Share): ContainerRecord => ({
  row,
  intent: row,
  facts: undefined,
  host,
  gpus: cards,
  volumes: [],
  simulated: cards.some(({ simulated }) => simulated),
  position: undefined,
  env: undefined,
})

const unplaced = { hostUuid: null, gpuType: null, holds: false, queueAhead: null, targetVersion: 0 } as const
