import { getEventListeners } from 'node:events'

export type Cancel = () => void

/** A time of its own: what is to happen lies in a queue, and nothing else moves the clock. */
export interface Timeline {
  /** Whole milliseconds since the epoch. */
  now(): number
  /** `run` happens after so long; what it promises is awaited before anything else happens. */
  after(ms: number, run: () => void | Promise<void>): Cancel
  /** Rejects as soon as the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
  /** A signal that aborts after so long. */
  timeout(ms: number): AbortSignal
  /** Lets everything happen up to that moment. */
  runUntil(time: number): Promise<void>
  /** How much has happened so far. */
  steps(): number
}

interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void | Promise<void>) | undefined
  /** Whether anybody could notice; what nobody hears of needs no settling. */
  readonly isHeard: () => boolean
}

const outOfTime = new DOMException('Out of time', 'TimeoutError')
export const epoch = Date.UTC(2026, 0, 1)
const always = (): boolean => true

export function createTimeline(): Timeline {
  const queue = new Heap()
  let now = epoch
  let order = 0
  let steps = 0

  const add = (ms: number, run: Entry['run'], isHeard = always): Entry => {
    const entry = { at: now + Math.max(0, Math.ceil(ms)), order: order++, run, isHeard }
    queue.push(entry)
    return entry
  }
  const after: Timeline['after'] = (ms, run) => {
    const entry = add(ms, run)
    return () => (entry.run = undefined)
  }
  return {
    now: () => now,
    steps: () => steps,
    after,
    wait: (ms, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const cancel = after(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      const abort = (): void => {
        cancel()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', abort, { once: true })
      return promise
    },
    timeout: (ms) => {
      const controller = new AbortController()
      const { signal } = controller
      const abort = (): void => controller.abort(outOfTime)
      add(ms, abort, () => getEventListeners(signal, 'abort').length > 0)
      return signal
    },
    runUntil: async (time) => {
      for (;;) {
        const next = queue.peek()
        if (!next || next.at > time) break
        queue.pop()
        if (!next.run) continue
        now = next.at
        steps++
        const isHeard = next.isHeard()
        const done = next.run()
        if (done) await done
        if (isHeard) await settle()
      }
      now = Math.max(now, time)
    },
  }
}

/** Everything that follows without any time passing has happened when this resolves. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The earliest first; those of one moment in the order of their coming. */
class Heap {
  readonly #entries: Entry[] = []

  peek(): Entry | undefined {
    return this.#entries[0]
  }

  push(entry: Entry): void {
    const entries = this.#entries
    let at = entries.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, entries[parent] as Entry)) break
      entries[at] = entries[parent] as Entry
      at = parent
    }
    entries[at] = entry
  }

  pop(): void {
    const entries = this.#entries
    const last = entries.pop()
    if (!last || entries.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= entries.length) break
      const right = entries[child + 1]
      if (right && isBefore(right, entries[child] as Entry)) child++
      if (!isBefore(entries[child] as Entry, last)) break
      entries[at] = entries[child] as Entry
      at = child
    }
    entries[at] = last
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * Makes `AbortSignal.timeout`, with which the agent bounds its calls to the engine, go by this timeline until it is
 * disposed of. One simulation at a time.
 */
export function ruleTimeouts(timeline: Timeline): Disposable {
  const { timeout } = AbortSignal
  AbortSignal.timeout = (ms) => timeline.timeout(ms)
  return { [Symbol.dispose]: () => void (AbortSignal.timeout = timeout) }
}
