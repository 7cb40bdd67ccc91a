import type { Deps } from '../deps.ts'
import { noteUse } from './store.ts'

const restMs = 60_000
const sweepAt = 10_000

/** Notes when keys are used, each at most once a minute, so that a busy key does not write its row all the time. */
export function createLastUse({ db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>) {
  const notedAt = new Map<string, number>()
  return {
    note: (keyId: string): void => {
      const now = clock.now()
      const time = now.getTime()
      if (time - (notedAt.get(keyId) ?? Number.NEGATIVE_INFINITY) < restMs) return
      if (notedAt.size >= sweepAt) notedAt.clear()
      notedAt.set(keyId, time)
      // Nobody waits for it.
      noteUse(db, keyId, now).catch((err: unknown) =>
        log.warn({ err, keyId }, 'the use of a key was not noted'),
      )
    },
  }
}
