import type { Sql } from './connect.ts'

/**
 * What replicas tell each other: a host's target changed, a container or a team has a new event, a host another state
 * or something at rest (`gpulab_event` too), a host was removed or has another key; the payload is a uuid.
 * That there may be room for those who wait in line has none.
 */
export type Topic = 'gpulab_target' | 'gpulab_event' | 'gpulab_capacity' | 'gpulab_host'

/** Remembers signals from its creation on, so that looking at the database and then waiting misses none. */
export interface Listener extends Disposable {
  /** Resolves at the next signal since the last wait, when time is up, or when the caller is gone. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>
}

export interface Signals {
  listen(topic: Topic, uuid: string): Listener
  /** Wakes all who wait; for a shutdown. */
  close(): void
}

/** Spreads NOTIFY to whoever waits in this process. A lost connection wakes everybody: a signal may be lost too. */
export async function createSignals(sql: Sql, { aliveMs } = { aliveMs: 15_000 }): Promise<Signals> {
  const listeners = new Map<string, Set<() => void>>()
  const wake = (key: string): void => listeners.get(key)?.forEach((notify) => notify())
  const wakeAll = (): void => [...listeners.keys()].forEach(wake)
  const topics: Topic[] = ['gpulab_target', 'gpulab_event', 'gpulab_capacity', 'gpulab_host']
  await Promise.all(topics.map((topic) => sql.listen(topic, (uuid) => wake(`${topic}:${uuid}`), wakeAll)))

  // Whoever only listens never waits for an answer, and would not notice that there is nobody to hear any more.
  const askIfAlive = async (): Promise<void> => {
    const { unlisten } = await sql.listen('gpulab_alive', () => {})
    await unlisten()
  }
  const asking = setInterval(() => void askIfAlive().catch(() => {}), aliveMs)

  return {
    close: () => {
      clearInterval(asking)
      wakeAll()
    },
    listen: (topic, uuid) => {
      const key = `${topic}:${uuid}`
      let pending = false
      let resume: (() => void) | undefined
      const notify = (): void => {
        pending = true
        resume?.()
      }
      const group = listeners.getOrInsertComputed(key, () => new Set())
      group.add(notify)
      return {
        wait: async (timeoutMs, signal) => {
          if (!pending && !signal.aborted) {
            const { promise, resolve } = Promise.withResolvers<void>()
            resume = resolve
            const timer = setTimeout(resolve, timeoutMs)
            signal.addEventListener('abort', notify, { once: true })
            await promise
            signal.removeEventListener('abort', notify)
            clearTimeout(timer)
            resume = undefined
          }
          pending = false
        },
        [Symbol.dispose]: () => {
          group.delete(notify)
          if (group.size === 0 && listeners.get(key) === group) listeners.delete(key)
        },
      }
    },
  }
}
