import { type Container, type Event, GpulabError, type Status } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { resumeStream } from '../resume-stream.ts'
import { shortId } from './describe.ts'

/** Clocks of the status and of its event are read one after the other. */
const clockSlackMs = 2000
const ends: readonly string[] = ['running', 'stopped', 'failed', 'deleting']

export interface FollowOptions {
  readonly goal: Status
  readonly timeoutMs: number
  readonly onEvent?: (event: Event) => void
}

/**
 * The container once it has the wanted status. An event only says when to look: what the API answers then is the
 * truth. Ends at once when the status can't come any more.
 */
export async function followStatus(
  context: ApiContext,
  accepted: Container,
  { goal, timeoutMs, onEvent }: FollowOptions,
): Promise<Container> {
  if (isOver(accepted, goal)) return accepted
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timedOut(accepted, goal, timeoutMs)), timeoutMs)
  const signal = AbortSignal.any([context.signal, controller.signal])
  const { uuid } = accepted
  const since = Date.parse(accepted.since) - clockSlackMs
  try {
    const events = resumeStream(
      (cursor) =>
        context.api.events.ofContainer(
          { params: { uuid }, query: { follow: 'true', ...(cursor !== undefined && { cursor }) } },
          { signal },
        ),
      { signal },
    )
    for await (const event of events) {
      if (Date.parse(event.at) < since) continue
      onEvent?.(event)
      if (event.type !== 'status' || !ends.includes(event.status ?? '')) continue
      const now = await context.api.containers.get({ params: { uuid } }, { signal })
      if (isOver(now, goal)) return now
    }
    // The stream ends when the container is deleted, and only then.
    const last = await context.api.containers.get({ params: { uuid } }, { signal })
    if (isOver(last, goal)) return last
    throw new GpulabError('container_failed', {
      message: `Container ${last.name} is ${last.status}, and nothing more is told about it.`,
      hint: `See gpulab inspect ${shortId(uuid)}.`,
      details: { uuid, name: last.name, status: last.status },
    })
  } finally {
    clearTimeout(timer)
  }
}

/** True at the goal, false while it may still come; throws when it can't. A job may have run and ended well by now. */
function isOver(container: Container, goal: Status): boolean {
  const { uuid, name, status, status_reason: reason, exit_code: exitCode } = container
  if (status === goal || (goal === 'running' && status === 'stopped' && exitCode === 0)) return true
  const isLost = status === 'failed' || status === 'deleting' || (status === 'stopped' && goal === 'running')
  if (!isLost) return false
  const why = reason ? `: ${reason.message.replace(/\.$/, '')}` : ''
  throw new GpulabError('container_failed', {
    message: `Container ${name} ${status === 'failed' ? 'failed' : `is ${status}`}${why}.`,
    hint: `See gpulab logs ${shortId(uuid)} --deploy; gpulab rm ${shortId(uuid)} removes it.`,
    details: { uuid, container_id: uuid, name, status, reason },
  })
}

const timedOut = ({ uuid, name }: Container, goal: Status, timeoutMs: number): GpulabError =>
  new GpulabError('wait_timeout', {
    message: `Container ${name} was not ${goal} within ${timeoutMs / 1000} s.`,
    hint: `It goes on: see gpulab inspect ${shortId(uuid)}, or wait longer with --wait-timeout.`,
    details: { uuid, container_id: uuid, name },
  })
