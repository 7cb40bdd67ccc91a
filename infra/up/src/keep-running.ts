import { setTimeout as delay } from 'node:timers/promises'
import type { Part } from './part.ts'

export interface KeepOptions {
  /** Told each time it has ended by itself. */
  onEnd: (how: string) => void
  /** How often in a row it is started again, and after what time a run counts as a good one. */
  restartsMax?: number
  goodMs?: number
  pauseMs?: number
}

/**
 * A part that is started again when it ends by itself, as its supervisor on a server would. Settles `ended` when it does
 * not stay up.
 */
export function keepRunning(first: Part, start: () => Promise<Part>, options: KeepOptions): Part {
  const { onEnd, restartsMax = 5, goodMs = 60_000, pauseMs = 500 } = options
  const stopping = new AbortController()
  let part = first
  const run = async (): Promise<string> => {
    for (let restarts = 0; ;) {
      const startedAt = performance.now()
      const how = await part.ended
      if (stopping.signal.aborted) return how
      restarts = performance.now() - startedAt > goodMs ? 1 : restarts + 1
      if (restarts > restartsMax) return how
      onEnd(how)
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return how
      const next = await start().catch((error: Error) => error)
      if (next instanceof Error) return next.message
      part = next
      if (stopping.signal.aborted) await part[Symbol.asyncDispose]()
    }
  }
  const ended = run()
  return {
    name: first.name,
    get identity() {
      return part.identity
    },
    ended,
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      await part[Symbol.asyncDispose]()
    },
  }
}
