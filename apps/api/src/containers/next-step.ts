import type { Status } from '@gpulab/contract'
import { canGoOn, type StatusReason } from './status.ts'
import type { ContainerRecord } from './store.ts'

export interface StepContext {
  readonly name: string
  /** Whether `start` can go on with the files that it has. */
  readonly canGoOn: boolean
  /** Whether its host lets it: not while it is drained or counts as dead. */
  readonly isHostOpen: boolean
}

export const stepContextOf = ({ row, intent, facts, host }: ContainerRecord): StepContext => ({
  name: row.name,
  canGoOn: canGoOn(intent, facts),
  isHostOpen: host?.state === 'active' || host?.state === 'cordoned',
})

/** What the user of a container can do in this status; null where nothing needs doing. Never loses files unsaid. */
export function nextStepOf(
  status: Status,
  reason: StatusReason | null,
  { name, canGoOn: hasFiles, isHostOpen }: StepContext,
): string | null {
  switch (status) {
    case 'queued':
      return `Wait, or leave the line with gpulab rm ${name}.`
    case 'deploying':
      return `gpulab logs ${name} --deploy --follow shows how far it is.`
    case 'stopped':
      if (reason?.code === 'balance_exhausted')
        return `Ask your administrator for credits; then gpulab start ${name} runs it again.`
      return isHostOpen
        ? `gpulab start ${name} runs it again.`
        : `gpulab redeploy ${name} makes it anew on another host, without its files; gpulab start ${name} runs it again once its host takes work.`
    case 'failed':
      return nextAfterFailure(reason?.code ?? '', name, hasFiles)
    case 'unreachable':
      return `It may well run. Wait until its host is back, or ask your operator; gpulab rm ${name} gives it up.`
    case 'deleting':
      return reason && 'Nothing: it is deleted for good, and its host or an operator finishes that.'
    case 'restarting':
      return reason && `gpulab logs ${name} shows why it ended; gpulab stop ${name} ends the restarts.`
    case 'running':
    case 'starting':
    case 'stopping':
      return null
  }
}

function nextAfterFailure(code: string, name: string, hasFiles: boolean): string {
  switch (code) {
    case 'exited':
    case 'out_of_memory':
      return `gpulab logs ${name} shows why; gpulab start ${name} runs it again.`
    case 'stop_timeout':
      return 'Wait: it counts as stopped as soon as its host says so; or ask your operator.'
    case 'queue_timeout':
      return `gpulab redeploy ${name} gets in line again; gpulab gpus shows which GPUs are free.`
    case 'host_fenced':
      return hasFiles
        ? `gpulab redeploy ${name} makes it anew on another host, without its files; once its own is back, gpulab start ${name} goes on with them.`
        : `gpulab redeploy ${name} makes it anew on another host.`
    default:
      return hasFiles
        ? `gpulab logs ${name} --deploy shows more; gpulab start ${name} tries again with its files, gpulab redeploy ${name} makes it anew without them.`
        : `gpulab logs ${name} --deploy shows more; gpulab redeploy ${name} tries again, gpulab rm ${name} removes it.`
  }
}
