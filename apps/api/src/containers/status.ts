import { type RestartPolicy, type Status, toExitSignal, willRestart } from '@gpulab/contract'

/** What is wanted of a container, as far as its status depends on it. */
export interface Intent {
  readonly desired: 'running' | 'stopped' | 'deleted'
  /** Null while it waits in line. */
  readonly hostUuid: string | null
  readonly generation: number
  readonly baseGeneration: number | null
  readonly startAfter: string | null
  readonly attempt: number
  readonly restart: RestartPolicy
  /** The control plane's own word on an attempt: `verdictCode` counts while `verdictAttempt` is the present one. */
  readonly verdictAttempt: number | null
  readonly verdictCode: string | null
  readonly verdictMessage: string | null
  readonly targetVersion: number
  /** Whether its share of the host is its own: until the host has proven that it is at rest. */
  readonly holds: boolean
}

/** What its host last said of it. */
export interface Facts {
  readonly generation: number
  readonly state: 'absent' | 'pulling' | 'created' | 'running' | 'exited'
  readonly busy: boolean
  readonly startedAt: string | null
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly restarts: number
  readonly failureAttempt: number | null
  readonly failureCode: string | null
  readonly failureMessage: string | null
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
  const verdict = verdictOf(intent)
  if (intent.desired === 'deleted') return view('deleting', verdict)
  if (intent.desired === 'stopped') return statusOfStopped(intent, facts, verdict)
  if (verdict) return view('failed', verdict)
  if (intent.hostUuid === null) return view('queued')
  if (facts?.state === 'running') return view(isOldRun(intent, facts) ? 'restarting' : 'running')
  const failure = failureOf(intent, facts)
  if (failure) return view('failed', failure)
  if (isLost(facts)) return view('failed', lost)
  if (facts?.state === 'exited' && !isOldRun(intent, facts)) {
    if (willRestart(intent.restart, facts)) return view('restarting', exitReason(facts))
    return view(facts.exitCode === 0 ? 'stopped' : 'failed', exitReason(facts))
  }
  return view(intent.startAfter === null ? 'deploying' : 'starting')
}

/**
 * A stop may have been given up and come true all the same. What the host said before it knew of the stop, or of a start
 * before that, is no proof: the share is held until there is one.
 */
function statusOfStopped(intent: Intent, facts: Facts | undefined, verdict: StatusReason | null): StatusView {
  const isAtRest = !intent.holds && facts !== undefined && facts.state !== 'running' && !facts.busy
  const isMeant = verdict?.code === 'host_drained' || verdict?.code === 'balance_exhausted'
  if (!isAtRest) return verdict && !isMeant ? view('failed', verdict) : view('stopping')
  const failure = failureOf(intent, facts)
  if (failure) return view('failed', failure)
  if (isLost(facts)) return view('failed', lost)
  return view('stopped', isMeant ? verdict : exitReason(facts))
}

/** It has run, and somebody else has removed it. */
const isLost = (facts: Facts | undefined): boolean =>
  facts?.state === 'absent' && facts.startedAt !== null && !facts.busy

const lost: StatusReason = {
  code: 'container_lost',
  message: 'The container is gone from its host, and its files with it.',
}

function verdictOf({ attempt, verdictAttempt, verdictCode, verdictMessage }: Intent): StatusReason | null {
  if (verdictCode === null || verdictAttempt !== attempt) return null
  return { code: verdictCode, message: verdictMessage ?? verdictCode }
}

function failureOf({ attempt }: Intent, facts: Facts | undefined): StatusReason | null {
  if (facts?.failureCode == null || facts.failureAttempt !== attempt) return null
  return { code: facts.failureCode, message: facts.failureMessage ?? facts.failureCode }
}

const isOldRun = ({ startAfter }: Intent, { startedAt }: Facts): boolean =>
  startedAt !== null && startedAt === startAfter

/** Automatic restarts of the present attempt, as far as its host has told. */
export function restartsOf(intent: Intent, reported: Facts | undefined): number {
  const facts = current(intent, reported)
  return facts && !isOldRun(intent, facts) ? facts.restarts : 0
}

/** What the engine says of a container that was gone when the engine started again; a command may end with it, too. */
const cutOffExitCode = 255
const cutOff = 'So does what was cut off when its host or the engine there stopped.'

function exitReason({ state, exitCode, oomKilled }: Facts): StatusReason | null {
  if (state !== 'exited') return null
  if (oomKilled)
    return { code: 'out_of_memory', message: 'It was killed because it used more memory than it may.' }
  const signal = toExitSignal(exitCode)
  const message =
    signal === null
      ? `Its command ended with exit code ${exitCode ?? 'unknown'}.`
      : `Its command was ended by ${signal} (exit code ${exitCode}).`
  const doubt = exitCode === cutOffExitCode ? ` ${cutOff}` : ''
  return { code: 'exited', message: `${message}${doubt}` }
}

/** Whether the host has the container of this generation, at rest. */
export function wasMade(intent: Intent, reported: Facts | undefined): boolean {
  const facts = current(intent, reported)
  return facts?.state === 'exited' || facts?.state === 'created'
}

/** Whether `start` can go on with what is on the host: the container itself, or the files of an older generation. */
export const canGoOn = (intent: Intent, reported: Facts | undefined): boolean =>
  wasMade(intent, reported) || (intent.baseGeneration !== null && !isLost(current(intent, reported)))

/** Whether its last run has ended and its policy follows it by another one. */
export function isRestartingItself(intent: Intent, reported: Facts | undefined): boolean {
  const facts = current(intent, reported)
  return intent.desired === 'running' && facts?.state === 'exited' && !isOldRun(intent, facts)
}

/** What the host shall do. Never makes a container anew that failed, ended, or vanished by itself. */
export function wishOf(intent: Intent, facts: Facts | undefined): Wish {
  if (intent.desired === 'deleted') return 'absent'
  if (intent.desired === 'stopped') return 'stopped'
  const { status } = statusOf(intent, facts)
  if (status === 'stopped') return 'stopped'
  if (status !== 'failed') return 'running'
  return mayHaveFiles(intent, current(intent, facts)) ? 'stopped' : 'absent'
}

/**
 * Whether a container on the host may hold what its user wants to keep. A host that was cut off before it said that it
 * has begun may have run it all the while: that it has nothing counts only once it is proven at rest, and an operator's
 * word on a dead host is no such proof.
 */
function mayHaveFiles(intent: Intent, facts: Facts | undefined): boolean {
  if (intent.baseGeneration !== null || intent.holds || !facts || facts.busy) return true
  if (verdictOf(intent)?.code === 'host_fenced') return true
  return facts.state !== 'absent' && facts.state !== 'created'
}

/**
 * Whether a report proves that the container's GPUs are free: it does not run, nothing is about to start it, and the
 * host knew the newest intent when it looked (`reportedVersion`). Anything less might be an old picture of a host about
 * to start it.
 */
export function isProofOfRest(intent: Intent, reported: Facts | undefined, reportedVersion: number): boolean {
  const facts = current(intent, reported)
  if (!facts || facts.busy || facts.state === 'running' || facts.state === 'pulling') return false
  if (reportedVersion < intent.targetVersion) return false
  return wishOf(intent, facts) !== 'running'
}

/** Whether the host has confirmed that a deleted container is gone. */
export const isGone = (intent: Intent, facts: Facts | undefined, reportedVersion: number): boolean =>
  intent.desired === 'deleted' && facts?.state === 'absent' && isProofOfRest(intent, facts, reportedVersion)
