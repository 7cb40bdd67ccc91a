import { type Container, type Event, GpulabError, type Status } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { resumeStream } from '../resume-stream.ts'
import { shortId } from './describe.ts'

/** Clocks of the status and of its event are read one after the other. */
const clockSlackMs = 2000
const awake: readonly string[] = ['queued', 'deploying', 'starting', 'restarting', 'running']

export interface FollowOptions {
  readonly goal: Status
  readonly timeoutMs: number
  readonly onEvent?: (event: Event) => void
  /** The container after each change of its status, and after each step in line. */
  readonly onLook?: (container: Container) => void
}

/**
 * The container once it has the wanted status. An event only says when to look: what the API answers then is the
 * truth. Ends at once when the status can't come any more.
 */
export async function followStatus(
  context: ApiContext,
  accepted: Container,
  { goal, timeoutMs, onEvent, onLook }: FollowOptions,
): Promise<Container> {
  if (isOver(accepted, goal)) return accepted
  let latest = accepted
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timedOut(latest, goal, timeoutMs)), timeoutMs)
  const signal = AbortSignal.any([context.signal, controller.signal])
  const { uuid } = accepted
  const since = Date.parse(accepted.since) - clockSlackMs
  try {
    const steps = resumeStream((cursor) => openSteps(cursor), { signal })
    for await (const { event, container } of steps) {
      if (event && Date.parse(event.at) >= since) onEvent?.(event)
      if (!container) continue
      latest = container
      onLook?.(container)
      if (isOver(container, goal)) return container
      requireNoOther(container, goal)
    }
    throw new GpulabError('internal', { message: 'The stream of events has an end.' })
  } finally {
    clearTimeout(timer)
  }

  /** Looks as a part of the stream, so that a look that fails in passing is repeated with its event. */
  async function openSteps(from: string | undefined): Promise<AsyncIterable<Step>> {
    const query = { follow: 'true', ...(from !== undefined && { cursor: from }) } as const
    const events = await context.api.events
      .ofContainer({ params: { uuid }, query }, { signal })
      .catch((error: unknown) => failLook(error, accepted))
    return (async function* () {
      let cursor = from
      for await (const event of events) {
        cursor = event.cursor
        const isTurn = event.type === 'status' && Date.parse(event.at) >= since
        yield { cursor, event, container: isTurn ? await look() : undefined }
      }
      // It ends when the container is deleted, which looking tells, or when a server stops: then on to the next.
      yield { cursor, event: undefined, container: await look() }
      throw new GpulabError('api_unreachable')
    })()
  }

  function look(): Promise<Container> {
    return context.api.containers
      .get({ params: { uuid } }, { signal })
      .catch((error: unknown) => failLook(error, accepted))
  }
}

interface Step {
  readonly cursor: string | undefined
  readonly event: Event | undefined
  readonly container: Container | undefined
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
    hint: hintOf(container, goal),
    details: { uuid, container_id: uuid, name, status, reason },
  })
}

function hintOf({ uuid, status, status_reason: reason, next_step: step }: Container, goal: Status): string {
  const id = shortId(uuid)
  if (goal === 'stopped' || status === 'deleting') return `See gpulab inspect ${id}.${step ? ` ${step}` : ''}`
  const logs = `See gpulab logs ${id}${reason?.code === 'exited' ? '' : ' --deploy'}`
  if (step) return `${logs}. ${step}`
  return status === 'stopped'
    ? `${logs}; gpulab start ${id} starts it again.`
    : `${logs}; gpulab rm ${id} removes it.`
}

/** Somebody else's wish has taken the place of ours. */
function requireNoOther({ uuid, name, status }: Container, goal: Status): void {
  if (goal !== 'stopped' || !awake.includes(status)) return
  throw new GpulabError('container_wrong_state', {
    message: `Container ${name} is ${status}: it was started again meanwhile.`,
    details: { uuid, container_id: uuid, name, status },
  })
}

function failLook(error: unknown, { uuid, name }: Container): never {
  if (!(error instanceof GpulabError) || error.code !== 'container_not_found') throw error
  throw new GpulabError('container_not_found', {
    message: `Container ${name} was deleted.`,
    details: { uuid, container_id: uuid, name },
  })
}

const timedOut = ({ uuid, name, status }: Container, goal: Status, timeoutMs: number): GpulabError =>
  new GpulabError('wait_timeout', {
    message: `Container ${name} was not ${goal} within ${timeoutMs / 1000} s.`,
    hint:
      status === 'queued'
        ? `It stays in line: gpulab inspect ${shortId(uuid)} shows its place, gpulab rm ${shortId(uuid)} takes it out.`
        : `It goes on: see gpulab inspect ${shortId(uuid)}, or wait longer with --wait-timeout.`,
    details: { uuid, container_id: uuid, name, status },
  })
