import { type Event, GpulabError } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { getRecord } from '../containers/service.ts'
import { statusOf } from '../containers/status.ts'
import type { Deps } from '../deps.ts'
import { type EventRow, listEvents } from './store.ts'

/** Looks again this often even if no signal came. */
const pollMs = 10_000

interface EventQuery {
  readonly cursor: string | undefined
  readonly follow: boolean
  readonly type?: EventRow['type']
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
  if (!/^\d{1,15}$/.test(cursor))
    throw new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })
  const { row } = await getRecord({ db }, principal, uuid)
  return (async function* () {
    using listener = signals.listen('gpulab_event', row.uuid)
    for (let after = Number(cursor); !signal.aborted;) {
      const events = await listEvents(db, row.uuid, after)
      for (const event of events) {
        if (type === undefined || event.type === type) yield toEvent(event)
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

const toEvent = ({ id, at, containerUuid, type, status, reason, message }: EventRow): Event => ({
  cursor: String(id),
  at: at.toISOString(),
  container_uuid: containerUuid,
  type,
  status,
  reason,
  message,
})
