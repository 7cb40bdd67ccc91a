import type { Clock } from '../src/clock.ts'

export interface VirtualClock extends Clock {
  /** Lets so much time pass, and everything happen that falls into it. */
  advance(ms: number): Promise<void>
  /** Somebody sets the clock; no time passes. */
  set(byMs: number): void
  /** Lets time pass until the promise is settled; fails when it is not within `limitMs`. */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>
  /** Lets time pass until `check` throws no more, and gives what it gave. */
  until<T>(check: () => T, limitMs?: number): Promise<T>
}

interface Timer {
  readonly at: number
  readonly number: number
  readonly fire: () => void
}

const startMs = Date.UTC(2026, 0, 1)

/** A time that passes only when it is told to, and then at once. */
export function createVirtualClock(): VirtualClock {
  let nowMs = startMs
  let setMs = 0
  let timers = 0
  const pending = new Map<number, Timer>()

  const arm = (ms: number, fire: () => void): number => {
    const number = ++timers
    pending.set(number, { at: nowMs + Math.max(ms, 0), number, fire })
    return number
  }
  const next = (): Timer | undefined =>
    [...pending.values()].reduce<Timer | undefined>(
      (first, each) => (first === undefined || each.at < first.at ? each : first),
      undefined,
    )
  /** One timer, once everything that does not wait for time has happened. False when there is none by then. */
  const step = async (limitMs: number): Promise<boolean> => {
    const timer = next()
    if (!timer || timer.at > limitMs) return false
    pending.delete(timer.number)
    nowMs = timer.at
    timer.fire()
    await calm()
    return true
  }

  const until = async <T>(check: () => T, limitMs = 3600_000): Promise<T> => {
    const end = nowMs + limitMs
    await calm()
    for (;;) {
      try {
        return check()
      } catch (error) {
        if (!(await step(end))) throw error
      }
    }
  }

  return {
    now: () => nowMs + setMs,
    monotonic: () => nowMs,
    set: (byMs) => {
      setMs += byMs
    },
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const abort = (): void => {
          pending.delete(number)
          reject(signal?.reason as Error)
        }
        const number = arm(ms, () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        })
        signal?.addEventListener('abort', abort, { once: true })
      }),
    timeout: (ms) => {
      const controller = new AbortController()
      arm(ms, () => controller.abort(new DOMException('The time is over.', 'TimeoutError')))
      return controller.signal
    },
    advance: async (ms) => {
      const end = nowMs + ms
      await calm()
      while (await step(end));
      nowMs = end
    },
    settle: async (promise, limitMs) => {
      let isSettled = false
      promise.then(
        () => (isSettled = true),
        () => (isSettled = true),
      )
      await until(() => {
        if (!isSettled) throw new Error('It is not settled.')
      }, limitMs)
      return promise
    },
    until,
  }
}

/** Everything that only waits for other promises has happened by then. */
const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
