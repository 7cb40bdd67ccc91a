import type { Status } from '@gpulab/contract'
import type { StatusReason } from './status.ts'

/** Who has to act for a passing status to end. */
export type Owner = 'host' | 'scheduler' | 'operator'

/** Over the time that the agent itself gives an attempt, so that its own, better reason comes first. */
const reportGraceMs = 120_000
const stopMs = 120_000
const queueMs = 24 * 3600_000

/** How long a status may last, in milliseconds; undefined for lasting ones. */
export function limitOf(status: Status, deployTimeoutMs: number): number | undefined {
  switch (status) {
    case 'queued':
      return queueMs
    case 'deploying':
    case 'starting':
    case 'restarting':
      return deployTimeoutMs + reportGraceMs
    case 'stopping':
    case 'deleting':
      return stopMs
    case 'running':
    case 'stopped':
    case 'failed':
    case 'unreachable':
      return undefined
  }
}

export function deadlineOf(status: Status, since: Date, deployTimeoutMs: number): Date | null {
  const limitMs = limitOf(status, deployTimeoutMs)
  return limitMs === undefined ? null : new Date(since.getTime() + limitMs)
}

/** The control plane's verdict on a passing status that has outlasted its deadline. */
export function toVerdict(
  status: Status,
  hostName: string | undefined,
  isSilent: boolean,
): StatusReason | undefined {
  const host = `Host ${hostName ?? 'unknown'}`
  const why = isSilent ? `${host} has fallen silent.` : `${host} did not say that it was done in time.`
  switch (status) {
    case 'queued':
      return { code: 'queue_timeout', message: 'It waited in line for a day, and there was no room for it.' }
    case 'deploying':
      return { code: 'deploy_timeout', message: `It could not be deployed in time. ${why}` }
    case 'starting':
    case 'restarting':
      return { code: 'start_timeout', message: `It could not be started in time. ${why}` }
    case 'stopping':
      return {
        code: 'stop_timeout',
        message: `It could not be stopped in time. ${why} Its GPUs stay leased until it is.`,
      }
    case 'deleting':
      return { code: 'delete_delayed', message: `It will be gone as soon as its host has removed it. ${why}` }
    case 'running':
    case 'stopped':
    case 'failed':
    case 'unreachable':
      return undefined
  }
}

export function ownerOf(status: Status, reason: StatusReason | null): Owner | null {
  switch (status) {
    case 'queued':
      return 'scheduler'
    case 'deploying':
    case 'starting':
    case 'restarting':
    case 'stopping':
      return 'host'
    case 'deleting':
      return reason === null ? 'host' : 'operator'
    case 'unreachable':
      return 'operator'
    case 'failed':
      return reason?.code === 'stop_timeout' ? 'operator' : null
    case 'running':
    case 'stopped':
      return null
  }
}
