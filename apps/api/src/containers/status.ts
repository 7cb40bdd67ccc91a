import type { Status } from '@gpulab/contract'

/** What users want of a container, as far as its status depends on it. */
export interface Intent {
  readonly desired: 'running' | 'stopped' | 'deleted'
  readonly generation: number
  readonly startAfter: string | null
  readonly attempt: number
  readonly targetVersion: number
}

/** What its host last said of it. */
export interface Facts {
  readonly generation: number
  readonly state: 'absent' | 'pulling' | 'created' | 'running' | 'exited'
  readonly busy: boolean
  readonly startedAt: string | null
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly failureAttempt: number | null
  readonly failureCode: string | null
  readonly failureMessage: string | null
  readonly targetVersion: number
}

export interface StatusReason {
  readonly code: string
  readonly message: string
}

export interface StatusView {
  readonly status: Status
  readonly reason: StatusReason | null
}

/** What the host shall do about a container. */
export type Wish = 'running' | 'stopped' | 'absent'

const view = (status: Status, reason: StatusReason | null = null): StatusView => ({ status, reason })

/** Facts about an older generation say nothing about this one. */
const current = (intent: Intent, facts: Facts | undefined): Facts | undefined =>
  facts?.generation === intent.generation ? facts : undefined

/**
 * The status that follows from intent and facts alone; whether the host still answers is another matter.
 * A run that shall be followed by a new one (`startAfter`) does not count any more.
 */
export function statusOf(intent: Intent, reported: Facts | undefined): StatusView {
  const facts = current(intent, reported)
  if (intent.desired === 'deleted') return view('deleting')
  const hasFailed = facts?.failureCode != null && facts.failureAttempt === intent.attempt
  if (hasFailed && facts.state !== 'running') {
    return view('failed', {
      code: facts.failureCode ?? 'failed',
      message: facts.failureMessage ?? facts.failureCode ?? '',
    })
  }
  const isOldRun = facts?.startedAt != null && facts.startedAt === intent.startAfter
  if (facts?.state === 'running') {
    if (intent.desired === 'stopped') return view('stopping')
    return view(isOldRun ? 'restarting' : 'running')
  }
  if (intent.desired === 'stopped') {
    return facts === undefined || facts.busy ? view('stopping') : view('stopped', exitReason(facts))
  }
  if (facts?.state === 'absent' && facts.startedAt !== null && !facts.busy) {
    return view('failed', { code: 'container_lost', message: 'The container is gone from its host.' })
  }
  if (facts?.state === 'exited' && !isOldRun) {
    return view(facts.exitCode === 0 ? 'stopped' : 'failed', exitReason(facts))
  }
  return view(intent.startAfter === null ? 'deploying' : 'starting')
}

function exitReason({ state, exitCode, oomKilled }: Facts): StatusReason | null {
  if (state !== 'exited') return null
  if (oomKilled)
    return { code: 'out_of_memory', message: 'It was killed because it used more memory than it may.' }
  return { code: 'exited', message: `Its command ended with exit code ${exitCode ?? 'unknown'}.` }
}

/** What the host shall do. Never makes a container anew that failed, ended, or vanished by itself. */
export function wishOf(intent: Intent, facts: Facts | undefined): Wish {
  if (intent.desired === 'deleted') return 'absent'
  if (intent.desired === 'stopped') return 'stopped'
  const { status } = statusOf(intent, facts)
  if (status === 'stopped') return 'stopped'
  if (status !== 'failed') return 'running'
  return current(intent, facts)?.state === 'exited' ? 'stopped' : 'absent'
}

/**
 * Whether these facts prove that the container's GPUs are free: it does not run, nothing is about to start it, and
 * the host knew the newest intent when it looked. Anything less might be an old picture of a host about to start it.
 */
export function isProofOfRest(intent: Intent, reported: Facts | undefined): boolean {
  const facts = current(intent, reported)
  if (!facts || facts.busy || facts.state === 'running' || facts.state === 'pulling') return false
  if (facts.targetVersion < intent.targetVersion) return false
  return wishOf(intent, facts) !== 'running'
}

/** Whether the host has confirmed that a deleted container is gone. */
export const isGone = (intent: Intent, facts: Facts | undefined): boolean =>
  intent.desired === 'deleted' && facts?.state === 'absent' && isProofOfRest(intent, facts)
