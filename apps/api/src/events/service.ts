import { type Event, GpulabError } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { getRecord } from '../containers/service.ts'
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
  await getRecord({ db }, principal, uuid)
  return (async function* () {
    using listener = signals.listen('gpulab_event', uuid)
    for (let after = Number(cursor); !signal.aborted;) {
      const rows = await listEvents(db, uuid, after)
      for (const row of rows) {
        if (type === undefined || row.type === type) yield toEvent(row)
        if (follow && isLast(row, type)) return
        after = row.id
      }
      if (rows.length > 0) continue
      if (!follow) return
      await listener.wait(pollMs, signal)
    }
  })()
}

function isLast({ type, status }: EventRow, only: EventRow['type'] | undefined): boolean {
  if (type !== 'status') return false
  if (status === 'deleted') return true
  return only === 'deploy_log' && ['running', 'failed', 'stopped'].includes(status ?? '')
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
