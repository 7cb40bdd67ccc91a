import type { RestartPolicy } from './fields.ts'

/** How a run ended, as far as a restart depends on it. */
export interface EndedRun {
  readonly exitCode: number | null
  readonly oomKilled: boolean
  /** Automatic restarts before it, in a row. */
  readonly restarts: number
}

const goodRunMs = 10_000

/** Whether a run has come up well, so that restarts are counted anew after it. Times are the engine's own. */
export function isGoodRun(startedAt: string | null, finishedAt: string | null): boolean {
  if (startedAt === null || finishedAt === null) return false
  return Date.parse(finishedAt) - Date.parse(startedAt) >= goodRunMs
}

/** Whether a run that ended by itself is followed by another; agent and control plane have to agree on it. */
export function willRestart({ policy, max_retries }: RestartPolicy, run: EndedRun): boolean {
  if (policy === 'no') return false
  if (policy === 'unless-stopped') return true
  const hasFailed = run.exitCode !== 0 || run.oomKilled
  return hasFailed && (max_retries === null || run.restarts < max_retries)
}
