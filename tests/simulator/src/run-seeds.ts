import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { SeedResult } from './simulate-worker.ts'

export interface SeedsOptions {
  readonly from: number
  readonly count: number
  /** At a time; one for each core where nothing is said. */
  readonly workers?: number
  /** Hears of each failure as it is found. */
  readonly onFailure?: (failure: string) => void
}

/** Lives through so many worlds, and gives what was broken in them. */
export async function runSeeds({ from, count, workers, onFailure }: SeedsOptions): Promise<string[]> {
  const failures: string[] = []
  let next = from
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('simulate-worker.ts', import.meta.url))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const ask = (): void => (next < from + count ? worker.postMessage(next++) : resolve())
    worker.on('error', reject).on('message', ({ failure }: SeedResult) => {
      if (failure !== undefined) {
        failures.push(failure)
        onFailure?.(failure)
      }
      ask()
    })
    ask()
    try {
      await promise
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: workers ?? availableParallelism() }, work))
  return failures
}
