import { GpulabError } from '@gpulab/contract'
import { type Change, wrongState } from '../../../../apps/api/src/containers/decide-change.ts'
import { noCapacity } from '../../../../apps/api/src/containers/explain-shortage.ts'
import type { ContainerRecord } from '../../../../apps/api/src/containers/store.ts'
import type { ContainerVerb, Request, Shown } from '../control-plane.ts'
import { createContainer } from './create-container.ts'
import { operateHost } from './operate-host.ts'
import { type Placed, placeContainer, toRequest } from './place-container.ts'
import { findRivals } from './serve-line.ts'
import { getRecord, type Remember, show } from './show.ts'
import {
  findRecord,
  getHost,
  type Host,
  insertLeases,
  listFreeCards,
  listLastCards,
  type Model,
  transact,
  writeIntent,
  writePlace,
} from './tables.ts'

class DuplicateKey extends Error {}

/** As idempotency/service.ts. */
export async function once(model: Model, sentKey: string, request: Request): Promise<Shown | null> {
  const key = model.decide.keyOf(sentKey)
  const fingerprint = JSON.stringify(request)
  const repeat = (): { answer: Shown | null } | undefined => {
    const row = model.tables.keys.get(key)
    if (!row) return undefined
    if (row.fingerprint !== fingerprint) throw new GpulabError('idempotency_key_reused')
    return { answer: row.resource === null ? null : show(model, row.resource) }
  }
  const known = repeat()
  if (known) return known.answer
  await model.pause()
  let isRemembered = false
  try {
    return await carryOut(model, request, (resource) => {
      if (model.tables.keys.has(key)) throw new DuplicateKey()
      model.tables.keys.set(key, { fingerprint, resource, createdAt: model.now() })
      isRemembered = true
    })
  } catch (error) {
    const other = isRemembered ? undefined : repeat()
    if (!other) throw error
    return other.answer
  }
}

const hostVerbs = ['cordon', 'uncordon', 'drain', 'fence'] as const

async function carryOut(model: Model, request: Request, remember: Remember): Promise<Shown | null> {
  if (request.do === 'create') return createContainer(model, request.input, remember)
  const { do: verb, uuid } = request
  const hostVerb = hostVerbs.find((name) => name === verb)
  if (hostVerb) {
    operateHost(model, hostVerb, uuid, () => remember(null))
    return null
  }
  return actions[verb as ContainerVerb](model, uuid, remember)
}

const actions: Record<
  ContainerVerb,
  (model: Model, uuid: string, remember: Remember) => Promise<Shown | null>
> = {
  stop: (model, uuid, remember) =>
    changeIntent(model, uuid, remember, (record) => model.decide.decideStop(record)),
  restart: (model, uuid, remember) =>
    changeIntent(model, uuid, remember, (record) => model.decide.decideRestart(record)),
  start: (model, uuid, remember) =>
    changeIntent(model, uuid, remember, (record, host) => {
      const needsCards = host !== undefined && record.row.gpuCount > 0 && !record.row.holds
      const cards = needsCards
        ? {
            last: listLastCards(model, uuid, record.row.generation),
            free: listFreeCards(model, host.uuid),
          }
        : { last: [], free: [] }
      const start = model.decide.decideStart(record, host, cards)
      if (start?.cards) {
        const { gpuUuids, generation } = start.cards
        insertLeases(model, gpuUuids, { containerUuid: uuid, generation, leasedAt: model.now() })
      }
      return start?.change
    }),
  redeploy: redeployContainer,
  remove: async (model, uuid) => {
    await changeIntent(model, uuid, undefined, (record) => model.decide.decideDeletion(record, model.now()))
    return null
  },
}

/** As containers/lifecycle.ts. */
async function changeIntent(
  model: Model,
  uuid: string,
  remember: Remember | undefined,
  decide: (record: ContainerRecord, host: Host | undefined) => Change,
): Promise<Shown | null> {
  for (;;) {
    const { row } = getRecord(model, uuid)
    await model.pause()
    const isDone = transact(model, () => {
      const record = findRecord(model, uuid)
      if (record?.row.hostUuid !== row.hostUuid) return false
      const host = row.hostUuid === null ? undefined : getHost(model, row.hostUuid)
      remember?.(uuid)
      const change = decide(record, host)
      if (change) writeIntent(model, record, change, model.now())
      return true
    })
    if (isDone) return findRecord(model, uuid) ? show(model, uuid) : null
  }
}

/** As containers/redeploy.ts. */
async function redeployContainer(model: Model, uuid: string, remember: Remember): Promise<Shown | null> {
  const record = getRecord(model, uuid)
  const { row } = record
  if (row.hostUuid === null) {
    return changeIntent(model, uuid, remember, ({ row, intent, facts }) =>
      model.decide.statusOf(intent, facts).status === 'failed'
        ? { queuedAt: model.now(), attempt: row.attempt + 1 }
        : undefined,
    )
  }
  requireAtRest(model, record)
  const generation = row.generation + 1
  await model.pause()
  const request = { ...toRequest(row), residesOn: row.hostUuid }
  const place = (placed: Placed): void => {
    const current = findRecord(model, uuid)
    if (!current || current.row.generation !== row.generation || current.row.attempt !== row.attempt) {
      throw wrongState(current ?? record, 'be redeployed')
    }
    requireAtRest(model, current)
    const anew = { desired: 'running', baseGeneration: null, startAfter: null } as const
    const attempt = row.attempt + 1
    writePlace(model, current, { ...placed, ...anew, generation, attempt }, model.now())
    remember(uuid)
  }
  const shortage =
    findRivals(model, row) ?? (await placeContainer(model, request, { uuid, generation }, place))
  if (shortage) throw noCapacity(shortage)
  return show(model, uuid)
}

function requireAtRest(model: Model, record: ContainerRecord): void {
  const { status } = model.decide.statusOf(record.intent, record.facts)
  if (status !== 'failed' && status !== 'stopped') throw wrongState(record, 'be redeployed')
  if (record.row.holds) throw new GpulabError('host_unreachable')
}
