import { type Event, GpulabError } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { getRecord } from '../containers/service.ts'
import { statusOf } from '../containers/status.ts'
import type { Deps } from '../deps.ts'
import { type EventRow, findTeamEnd, listEvents, listTeamEvents, type TeamPosition } from './store.ts'

/** Looks again this often even if no signal came. */
const pollMs = 10_000
/** While a transaction that runs longer than others holds newer events back. */
const settleMs = 50

interface EventQuery {
  readonly cursor?: string | undefined
  readonly follow: boolean
  readonly type?: EventRow['type'] | undefined
}

/**
 * The container's events after `cursor`, each once and in order. Followed, it goes on until the container is deleted;
 * a deployment log ends with the deployment.
 */
export async function followEvents(
  { db, signals }: Pick<Deps, 'db' | 'signals'>,
  principal: Principal,
  uuid: string,
  { cursor = '0', follow, type }: EventQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<Event>> {
  if (!/^\d{1,15}$/.test(cursor)) throw notOurs()
  const { row } = await getRecord({ db }, principal, uuid)
  return (async function* () {
    using listener = signals.listen('gpulab_event', row.uuid)
    for (let after = Number(cursor); !signal.aborted;) {
      const events = await listEvents(db, row.uuid, after)
      for (const event of events) {
        if (type === undefined || event.type === type) yield toEvent(event, String(event.id))
        if (event.status === 'deleted') return
        after = event.id
      }
      if (events.length > 0) continue
      if (!follow || (type === 'deploy_log' && (await isDeployed(db, principal, row.uuid)))) return
      await listener.wait(pollMs, signal)
    }
  })()
}

/** Whether nothing is under way that could add to the deployment log. */
async function isDeployed(db: Deps['db'], principal: Principal, uuid: string): Promise<boolean> {
  const { intent, facts } = await getRecord({ db }, principal, uuid)
  return ['running', 'failed', 'stopped'].includes(statusOf(intent, facts).status)
}

/** The events of all of the team's containers, each once; those of one container in their order. */
export async function followTeamEvents(
  { db, signals }: Pick<Deps, 'db' | 'signals'>,
  { teamUuid }: Principal,
  { cursor = '0.0', follow, type }: EventQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<Event>> {
  const start = cursor === 'now' ? await findTeamEnd(db) : parseTeamCursor(cursor)
  return (async function* () {
    using listener = signals.listen('gpulab_event', teamUuid)
    for (let after = start; !signal.aborted;) {
      const { events, isMoreComing } = await listTeamEvents(db, teamUuid, after, type)
      for (const event of events) {
        yield toEvent(event, `${event.xid}.${event.id}`)
        after = { xid: event.xid, id: event.id }
      }
      if (events.length > 0) continue
      if (!follow && !isMoreComing) return
      await listener.wait(isMoreComing ? settleMs : pollMs, signal)
    }
  })()
}

function parseTeamCursor(cursor: string): TeamPosition {
  const [, xid, id] = /^(\d{1,19})\.(\d{1,15})$/.exec(cursor) ?? []
  if (xid === undefined) throw notOurs()
  return { xid, id: Number(id) }
}

const notOurs = (): GpulabError =>
  new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })

const toEvent = ({ at, containerUuid, type, status, reason, message }: EventRow, cursor: string): Event => ({
  cursor,
  at: at.toISOString(),
  container_uuid: containerUuid,
  type,
  status,
  reason,
  message,
})
