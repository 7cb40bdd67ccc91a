/** Runs `action` for each item, `width` at a time, until the items or the time end. Gives how many were begun. */
export async function forEachInParallel<T>(
  items: Iterator<T>,
  width: number,
  action: (item: T) => Promise<void>,
  deadline = Number.POSITIVE_INFINITY,
): Promise<number> {
  let begun = 0
  const work = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const { value, done } = items.next()
      if (done) return
      begun += 1
      await action(value)
    }
  }
  await Promise.all(Array.from({ length: width }, work))
  return begun
}

/** Asks until `check` gives true; gives the milliseconds that took. Throws with what is missing at the end. */
export async function timeUntil(
  check: () => Promise<boolean>,
  { timeoutMs, intervalMs = 50, what }: { timeoutMs: number; intervalMs?: number; what: string },
): Promise<number> {
  const since = performance.now()
  while (!(await check())) {
    if (performance.now() - since > timeoutMs) throw new Error(`Not after ${timeoutMs / 1000} s: ${what}.`)
    await new Promise((done) => setTimeout(done, intervalMs))
  }
  return performance.now() - since
}
