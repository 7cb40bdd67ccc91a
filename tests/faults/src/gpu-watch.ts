import { setTimeout as wait } from 'node:timers/promises'
import { findSharedGpus } from './checkers.ts'
import { listEngine } from './observe.ts'

/** Looks at the engine during the whole run: a card in two containers is a violation however soon it is over. */
export interface GpuWatch extends AsyncDisposable {
  readonly violations: readonly string[]
  /** How often the engine has answered. */
  samples(): number
}

const intervalMs = 250

export function watchGpus(dockerHost: string): GpuWatch {
  const stopping = new AbortController()
  const { signal } = stopping
  const violations = new Set<string>()
  let samples = 0
  const sample = async (): Promise<void> => {
    // While the engine is away there is nothing to see.
    const engine = await listEngine(dockerHost).catch(() => undefined)
    if (!engine) return
    samples++
    for (const violation of findSharedGpus({ engine, leases: [] })) violations.add(violation)
  }
  const watching = (async () => {
    while (!signal.aborted) {
      await sample()
      await wait(intervalMs, undefined, { signal }).catch(() => {})
    }
  })()
  return {
    get violations() {
      return [...violations]
    },
    samples: () => samples,
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      await watching
    },
  }
}
