import type { RestartPolicy } from './fields.ts'

/** How a run ended, as far as a restart depends on it. */
export interface EndedRun {
  readonly exitCode: number | null
  readonly oomKilled: boolean
  /** Automatic restarts before it, in a row. */
  readonly restarts: number
}

/** Whether a run that ended by itself is followed by another; agent and control plane have to agree on it. */
export function willRestart({ policy, max_retries }: RestartPolicy, run: EndedRun): boolean {
  if (policy === 'no') return false
  if (policy === 'unless-stopped') return true
  const hasFailed = run.exitCode !== 0 || run.oomKilled
  return hasFailed && (max_retries === null || run.restarts < max_retries)
}
