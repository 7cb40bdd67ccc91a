import { GpulabError, type Volume, volumeStatuses } from '@gpulab/contract'
import type { VolumeFactsRow, VolumeRow } from './store.ts'

export type VolumeStatus = (typeof volumeStatuses)[number]

export interface VolumeView {
  readonly status: VolumeStatus
  readonly reason: Volume['status_reason']
}

type Wish = Pick<
  VolumeRow,
  | 'desired'
  | 'driver'
  | 'generation'
  | 'madeSizeBytes'
  | 'failureGeneration'
  | 'failureCode'
  | 'failureMessage'
>
type Facts = Pick<VolumeFactsRow, 'state' | 'generation' | 'problem' | 'failureCode'>

/** What users see of a volume; `isSilent`: its host has not been heard of for too long. */
export function volumeStatusOf(row: Wish, facts: Facts | undefined, isSilent: boolean): VolumeView {
  if (row.desired === 'deleted') return { status: 'deleting', reason: null }
  if (isSilent && row.driver === 'local') {
    return {
      status: 'unreachable',
      reason: { code: 'host_unreachable', message: 'The host that has it has not been heard of lately.' },
    }
  }
  const verdict =
    row.failureCode === null
      ? null
      : { code: row.failureCode, message: row.failureMessage ?? row.failureCode }
  if (facts?.failureCode === 'volume_lost') {
    return { status: 'failed', reason: { code: 'volume_lost', message: facts.problem ?? 'It is lost.' } }
  }
  if (row.madeSizeBytes === null) return { status: verdict ? 'failed' : 'creating', reason: verdict }
  if (!facts || facts.state === 'pending' || facts.state === 'absent')
    return { status: 'degraded', reason: null }
  if (facts.state === 'degraded') {
    const message = facts.problem ?? 'It does not answer on its host.'
    return { status: 'degraded', reason: { code: 'volume_unavailable', message } }
  }
  if (facts.generation < row.generation) return { status: 'resizing', reason: null }
  return { status: 'available', reason: row.failureGeneration === row.generation ? verdict : null }
}

/** Throws unless containers may be made with it. */
export function requireMountable({ name }: { readonly name: string }, { status, reason }: VolumeView): void {
  if (status !== 'failed' && status !== 'deleting') return
  throw new GpulabError('volume_wrong_state', {
    message: `Volume ${name} is ${status}${reason ? `: ${reason.message}` : '.'}`,
    hint: `gpulab volumes rm ${name} removes it; make another one then.`,
    details: { status, ...(reason && { reason: reason.code }) },
  })
}
