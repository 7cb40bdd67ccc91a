import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from './clock.ts'

/** A flag that one loop waits for. Raising it twice before the loop comes round counts once. */
export interface SignalBox {
  raise(): void
  /** Until the flag is up, or `timeoutMs` is over; takes it down. */
  wait(signal: AbortSignal, timeoutMs?: number): Promise<void>
}

export function createSignalBox(clock: Clock): SignalBox {
  let raised = Promise.withResolvers<void>()
  return {
    raise: () => raised.resolve(),
    wait: async (signal, timeoutMs) => {
      const done = new AbortController()
      if (timeoutMs !== undefined) clock.wait(timeoutMs, done.signal).then(raised.resolve, () => {})
      try {
        await orAbort(raised.promise, signal)
      } finally {
        done.abort()
      }
      raised = Promise.withResolvers<void>()
    },
  }
}
