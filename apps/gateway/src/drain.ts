import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from './deps.ts'

const lookMs = 20

/**
 * Ends what this gateway serves so that no request fails: first it says that it is not ready, and waits until balancers
 * have heard of it; then it takes no more connections and lets open requests finish. WebSockets are cut at the end:
 * terminals go on by themselves, at another gateway. Once `hurry` aborts nothing is waited for.
 */
export async function drain(
  { config, log, readiness, open }: Pick<Deps, 'config' | 'log' | 'readiness' | 'open'>,
  server: Server,
  hurry: AbortSignal,
): Promise<void> {
  // Nobody who never asked waits to be told.
  const waitMs = readiness.isWatched() ? config.drainDelayMs : 0
  readiness.drain()
  log.info({ waitMs, requests: open.size }, 'draining')
  await delay(waitMs, undefined, { signal: hurry }).catch(() => {})
  server.close()
  const late = AbortSignal.any([hurry, AbortSignal.timeout(config.drainTimeoutMs)])
  while (open.size > 0 && !late.aborted) await delay(lookMs, undefined, { signal: late }).catch(() => {})
  log.info({ requests: open.size }, 'drained')
}
