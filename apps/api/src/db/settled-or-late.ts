/** Longer than any query that is answered takes: a connection that is dead in silence holds up only who is on it. */
const lateMs = 200

/** Resolves when `work` has ended, however it did, or is late. */
export async function settledOrLate(work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, lateMs)
  work.then(
    () => resolve(),
    () => resolve(),
  )
  await promise
  clearTimeout(timer)
}
