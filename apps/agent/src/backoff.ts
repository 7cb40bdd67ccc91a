import type { Timing } from './clock.ts'

export interface Backoff {
  /** Waits longer each time; throws when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>
  /** After a success. */
  reset(): void
}

/** Doubling waits with full jitter, so that many agents do not come back at once. */
export function createBackoff({ clock, random }: Timing, firstMs = 200, maxMs = 10_000): Backoff {
  let nextMs = firstMs
  return {
    wait: async (signal) => {
      const ms = nextMs * (0.5 + random() / 2)
      nextMs = Math.min(nextMs * 2, maxMs)
      await clock.wait(ms, signal)
    },
    reset: () => {
      nextMs = firstMs
    },
  }
}
