import { setTimeout as wait } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { upsertReplica } from './store.ts'

export const announceMs = 10_000
const retryMs = 1000

/** Tells again and again where agents reach this replica, until the signal aborts. */
export async function keepAnnounced(
  { config, db, clock, log }: Pick<Deps, 'config' | 'db' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const { uplinkUrl } = config
  if (uplinkUrl === undefined) return
  let isAnnounced = true
  while (!signal.aborted) {
    const before = isAnnounced
    isAnnounced = await upsertReplica(db, uplinkUrl, clock.now()).then(
      () => true,
      (err: unknown) => {
        if (before) log.warn({ err }, 'agents could not be told where this replica is')
        return false
      },
    )
    await wait(isAnnounced ? announceMs : retryMs, undefined, { signal }).catch(() => {})
  }
}
