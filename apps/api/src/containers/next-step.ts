import type { Status } from '@gpulab/contract'
import type { StatusReason } from './status.ts'

const ended = new Set(['exited', 'out_of_memory'])
const timedOut = new Set(['deploy_timeout', 'start_timeout', 'host_fenced'])

/** What the user of a container can do in this status; null where nothing needs doing. */
export function nextStepOf(status: Status, reason: StatusReason | null, name: string): string | null {
  switch (status) {
    case 'queued':
      return `Wait, or leave the line with gpulab rm ${name}.`
    case 'deploying':
      return `gpulab logs ${name} --deploy --follow shows how far it is.`
    case 'stopped':
      return reason?.code === 'host_drained'
        ? `gpulab redeploy ${name} places it on another host, without its files.`
        : `gpulab start ${name} runs it again.`
    case 'failed':
      return nextAfterFailure(reason?.code, name)
    case 'unreachable':
      return `It may well run. Wait until its host is back, or ask your operator; gpulab rm ${name} gives it up.`
    case 'deleting':
      return reason && 'Nothing: it is deleted for good, and its host or an operator finishes that.'
    case 'running':
    case 'starting':
    case 'restarting':
    case 'stopping':
      return null
  }
}

function nextAfterFailure(code: string | undefined, name: string): string {
  if (code !== undefined && ended.has(code)) {
    return `gpulab logs ${name} shows why; gpulab start ${name} runs it again.`
  }
  if (code === 'stop_timeout')
    return `Wait: it counts as stopped as soon as its host says so; or ask your operator.`
  if (code === 'queue_timeout')
    return `gpulab redeploy ${name} gets in line again; gpulab gpus types shows what is free.`
  if (code !== undefined && timedOut.has(code)) {
    return `gpulab redeploy ${name} makes it anew, on another host if need be; gpulab rm ${name} removes it.`
  }
  return `gpulab logs ${name} --deploy shows more; gpulab redeploy ${name} tries again, gpulab rm ${name} removes it.`
}
