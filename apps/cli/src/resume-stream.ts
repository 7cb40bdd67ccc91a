import { GpulabError } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'

export interface ResumeOptions {
  readonly signal: AbortSignal
  /** Failures in a row, without an item between them, after which it is given up. */
  readonly attemptsMax?: number
  readonly firstDelayMs?: number
}

const delayMaxMs = 5000

/**
 * A followed stream that survives cuts: goes on after the cursor of the last item, so that each comes once. Ends
 * when the server ends it. One that cannot be opened at all fails at once.
 */
export async function* resumeStream<T extends { readonly cursor: string | undefined }>(
  open: (cursor: string | undefined) => Promise<AsyncIterable<T>>,
  { signal, attemptsMax = 10, firstDelayMs = 250 }: ResumeOptions,
): AsyncGenerator<T> {
  let cursor: string | undefined
  let hasOpened = false
  for (let failures = 0; ;) {
    try {
      const items = await open(cursor)
      hasOpened = true
      for await (const item of items) {
        failures = 0
        cursor = item.cursor
        yield item
      }
      return
    } catch (error) {
      signal.throwIfAborted()
      failures++
      const mayPass = hasOpened && error instanceof GpulabError && error.retryable
      if (!mayPass || failures >= attemptsMax) throw error
      const delayMs = Math.min(delayMaxMs, firstDelayMs * 2 ** (failures - 1))
      await delay(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}
