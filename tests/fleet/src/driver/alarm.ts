import { setTimeout as wait } from 'node:timers/promises'

/** What one loop waits for; raised twice before the loop comes round it counts once. */
export interface Alarm {
  raise(): void
  /** Until it is raised, time is over or the signal aborts. */
  wait(timeoutMs: number): Promise<void>
}

export function createAlarm(signal: AbortSignal): Alarm {
  let raised = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => raised.resolve())
  return {
    raise: () => raised.resolve(),
    wait: async (timeoutMs) => {
      const timer = setTimeout(raised.resolve, timeoutMs)
      await raised.promise
      clearTimeout(timer)
      signal.throwIfAborted()
      raised = Promise.withResolvers<void>()
    },
  }
}

/** The agent's own: doubling waits with jitter, up to ten seconds. */
export function createBackoff(firstMs = 200, maxMs = 10_000) {
  let nextMs = firstMs
  return {
    reset: () => void (nextMs = firstMs),
    wait: async (signal: AbortSignal) => {
      const ms = nextMs * (0.5 + Math.random() / 2)
      nextMs = Math.min(nextMs * 2, maxMs)
      await wait(ms, undefined, { signal })
    },
  }
}
