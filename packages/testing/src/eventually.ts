import { setTimeout as wait } from 'node:timers/promises'

export interface EventuallyOptions {
  /** How long `attempt` may go on failing. */
  readonly timeoutMs?: number
  readonly intervalMs?: number
}

/**
 * Calls `attempt` until it stops throwing and returns what it returned. Past the deadline its last error is thrown,
 * so a failed test shows what was still wrong; an attempt that never settles counts as failed.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  // Only a failure takes this long; a busy machine takes its time for what succeeds.
  const { timeoutMs = 15_000, intervalMs = 20 } = options
  const deadline = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      return await within(Math.max(deadline - Date.now(), 1), attempt)
    } catch (error) {
      // What was wrong says more than that the last attempt had no time left.
      if (!(error instanceof Unsettled) || last === undefined) last = error
      if (Date.now() + intervalMs >= deadline) throw last
    }
    await wait(intervalMs)
  }
}

class Unsettled extends Error {}

async function within<T>(limitMs: number, attempt: () => T | Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Unsettled(`Still not settled after ${limitMs} ms.`)), limitMs)
  try {
    return await Promise.race([attempt(), late])
  } finally {
    clearTimeout(timer)
  }
}
