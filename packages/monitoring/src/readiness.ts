import { within } from './bounded-read.ts'

export interface ReadinessView {
  readonly ready: boolean
  /** By name of what is needed: `ok` or `failed`; and `draining` while no new work is wanted. */
  readonly checks: Readonly<Record<string, 'ok' | 'failed' | 'draining'>>
}

/** Whether a balancer should send requests here. */
export interface Readiness {
  read(): Promise<ReadinessView>
  /** From now on it says no, whatever the checks say. */
  drain(): void
  isDraining(): boolean
  /** Whether somebody has asked not long ago: then it pays to wait until they have heard of a drain. */
  isWatched(): boolean
}

const checkMs = 2000
/** Balancers ask every few seconds. */
const watchedMs = 60_000

export function createReadiness(checks: Readonly<Record<string, () => Promise<unknown>>> = {}): Readiness {
  let isDraining = false
  let askedAt = Number.NEGATIVE_INFINITY
  const run = async ([name, check]: [string, () => Promise<unknown>]) => {
    const passed = await within(
      check().then(() => true),
      checkMs,
    )
    return [name, passed === true ? 'ok' : 'failed'] as const
  }
  return {
    read: async () => {
      askedAt = performance.now()
      if (isDraining) return { ready: false, checks: { drain: 'draining' } }
      const results = await Promise.all(Object.entries(checks).map(run))
      return { ready: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) }
    },
    drain: () => {
      isDraining = true
    },
    isDraining: () => isDraining,
    isWatched: () => performance.now() - askedAt < watchedMs,
  }
}
