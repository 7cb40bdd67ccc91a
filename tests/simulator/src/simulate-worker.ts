import { parentPort } from 'node:worker_threads'
import { judgeSeed } from './judge-seed.ts'

export interface SeedResult {
  readonly seed: number
  readonly failure: string | undefined
}

parentPort?.on('message', (seed: number) => {
  void judgeSeed(seed).then(
    (failure) => parentPort?.postMessage({ seed, failure } satisfies SeedResult),
    (error: Error) => parentPort?.postMessage({ seed, failure: `Seed ${seed}: ${error.stack}` }),
  )
})
