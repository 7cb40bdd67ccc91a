import { type Container, GpulabError, type Status } from '@gpulab/contract'
import { shortId } from './describe.ts'

/** True at the goal, false while it may still come; throws `container_failed` when it can't. */
export function hasReached(container: Container, goal: Status): boolean {
  const { uuid, name, status, status_reason: reason } = container
  if (status === goal) return true
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
  // It names what to look at, too.
  if (step) return step
  const id = shortId(uuid)
  if (goal === 'stopped' || status === 'deleting') return `See gpulab inspect ${id}.`
  const logs = `See gpulab logs ${id}${reason?.code === 'exited' ? '' : ' --deploy'}`
  return status === 'stopped'
    ? `${logs}; gpulab start ${id} starts it again.`
    : `${logs}; gpulab rm ${id} removes it.`
}
