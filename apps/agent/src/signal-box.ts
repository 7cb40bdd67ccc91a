import { orAbort } from './backoff.ts'

/** A flag that one loop waits for. Raising it twice before the loop comes round counts once. */
export interface SignalBox {
  raise(): void
  /** Until the flag is up, or `timeoutMs` is over; takes it down. */
  wait(signal: AbortSignal, timeoutMs?: number): Promise<void>
}

export function createSignalBox(): SignalBox {
  let raised = Promise.withResolvers<void>()
  return {
    raise: () => raised.resolve(),
    wait: async (signal, timeoutMs) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(raised.resolve, timeoutMs)
      try {
        await orAbort(raised.promise, signal)
      } finally {
        clearTimeout(timer)
      }
      raised = Promise.withResolvers<void>()
    },
  }
}
