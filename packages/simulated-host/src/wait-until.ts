import { setTimeout as delay } from 'node:timers/promises'

/** Polls `check` until it gives true (true) or `timeoutMs` is over (false). */
export async function waitUntil(
  check: () => boolean | Promise<boolean>,
  options: { timeoutMs: number; intervalMs?: number; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    options.signal?.throwIfAborted()
    if (await check()) return true
    if (performance.now() >= deadline) return false
    await delay(options.intervalMs ?? 20)
  }
}
