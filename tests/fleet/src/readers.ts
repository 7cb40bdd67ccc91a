import { setTimeout as wait } from 'node:timers/promises'
import type { ApiClient } from './system.ts'
import { type Quantiles, quantilesOf } from './quantile.ts'

export interface Readers {
  /** Ends them and gives the times. */
  stop(): Promise<{ list: Quantiles; get: Quantiles; failures: number }>
}

const pauseMs = 50

/** A user who lists containers and one who looks at them, some 20 times a second each. */
export function startReaders(client: ApiClient): Readers {
  const stop = new AbortController()
  const times = { list: [] as number[], get: [] as number[] }
  let failures = 0
  let uuids: string[] = []
  const repeat = async (into: number[], read: () => Promise<boolean>): Promise<void> => {
    while (!stop.signal.aborted) {
      const since = performance.now()
      try {
        if (await read()) into.push(performance.now() - since)
      } catch {
        failures += 1
      }
      await wait(pauseMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const loops = [
    repeat(times.list, async () => {
      const { items } = await client.containers.list({ query: { limit: 50 } })
      uuids = items.map(({ uuid }) => uuid)
      return true
    }),
    repeat(times.get, async () => {
      const uuid = uuids[Math.floor(Math.random() * uuids.length)]
      if (uuid === undefined) return false
      await client.containers.get({ params: { uuid } })
      return true
    }),
  ]
  return {
    stop: async () => {
      stop.abort()
      await Promise.all(loops)
      return { list: quantilesOf(times.list), get: quantilesOf(times.get), failures }
    },
  }
}
