import type { Readiness, RequestsInFlight } from '@gpulab/monitoring'
import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from './deps.ts'

interface Drained extends Pick<Deps, 'config' | 'log' | 'signals'> {
  readonly readiness: Readiness
  readonly requests: RequestsInFlight
  stopListening(): void
}

/**
 * Ends what this process serves so that no request fails: first it says that it is not ready, and waits until balancers
 * have heard of it; then it takes no more connections, answers long polls, and lets open requests finish. Streams are
 * left for the end: their clients go on where they were, at another replica. Once `hurry` aborts nothing is waited for.
 */
export async function drain(
  { config, log, readiness, requests, signals, stopListening }: Drained,
  hurry: AbortSignal,
): Promise<void> {
  // Nobody who never asked waits to be told.
  const waitMs = readiness.isWatched() ? config.drainDelayMs : 0
  readiness.drain()
  log.info({ waitMs, requests: requests.count() }, 'draining')
  await delay(waitMs, undefined, { signal: hurry }).catch(() => {})
  stopListening()
  signals.close()
  await requests.untilNone(AbortSignal.any([hurry, AbortSignal.timeout(config.drainTimeoutMs)]))
  log.info({ requests: requests.count() }, 'drained')
}
