import { type Container, type Event, GpulabError, type Status } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId } from './describe.ts'
import { hasReached } from './has-reached.ts'
import { watchContainer } from './watch-container.ts'
import { withDeadline } from '../with-deadline.ts'

const awake: readonly string[] = ['queued', 'deploying', 'starting', 'restarting', 'running']

export interface FollowOptions {
  readonly goal: Status
  readonly timeoutMs: number
  readonly onEvent?: (event: Event) => void
  /** The container after each change of its status, and after each step in line. */
  readonly onLook?: (container: Container) => void
}

/** The container once it has the wanted status. Ends at once when that can't come any more. */
export async function followStatus(
  context: ApiContext,
  accepted: Container,
  { goal, timeoutMs, onEvent, onLook }: FollowOptions,
): Promise<Container> {
  if (isOver(accepted, goal)) return accepted
  let latest = accepted
  return withDeadline(context, { timeoutMs, toError: () => timedOut(latest, goal, timeoutMs) }, (timed) =>
    watchContainer(timed, accepted, {
      ...(onEvent && { onEvent }),
      onLook: (container) => {
        latest = container
        onLook?.(container)
      },
      isEnough: (container) => {
        if (isOver(container, goal)) return true
        requireNoOther(container, goal)
        return false
      },
    }),
  )
}

/** A job may have run and ended well by now. */
const isOver = (container: Container, goal: Status): boolean =>
  (goal === 'running' && container.status === 'stopped' && container.exit_code === 0) ||
  hasReached(container, goal)

/** Somebody else's wish has taken the place of ours. */
function requireNoOther({ uuid, name, status }: Container, goal: Status): void {
  if (goal !== 'stopped' || !awake.includes(status)) return
  throw new GpulabError('container_wrong_state', {
    message: `Container ${name} is ${status}: it was started again meanwhile.`,
    details: { uuid, container_id: uuid, name, status },
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
