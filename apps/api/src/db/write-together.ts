import { settledOrLate } from './settled-or-late.ts'

interface Waiting<T, R> {
  readonly row: T
  readonly stored: PromiseWithResolvers<R>
}

/** Each count of rows is a statement of its own, which the server keeps. */
const rowsMax = 16

/**
 * Rows that come while others are stored are stored together, in one statement: each resolves when it is there.
 * `write` gives a result for each row, in their order. A row that can't be stored fails alone, and a write that is late holds
 * up no other.
 */
export function createWriteTogether<T, R>(
  write: (rows: readonly T[]) => Promise<readonly R[]>,
  isOfOneRow: (error: unknown) => boolean,
): (row: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = []
  let isWriting = false
  const store = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    try {
      const results = await write(batch.map(({ row }) => row))
      batch.forEach(({ stored }, index) => stored.resolve(results[index] as R))
    } catch (error) {
      if (batch.length > 1 && isOfOneRow(error)) for (const one of batch) await store([one])
      else batch.forEach(({ stored }) => stored.reject(error))
    }
  }
  const run = async (): Promise<void> => {
    isWriting = true
    while (waiting.length > 0) await settledOrLate(store(waiting.splice(0, rowsMax)))
    isWriting = false
  }
  return (row) => {
    const stored = Promise.withResolvers<R>()
    waiting.push({ row, stored })
    if (!isWriting) void run()
    return stored.promise
  }
}
