import { setTimeout as wait } from 'node:timers/promises'

/** Time as the agent's loops see it, so that a simulator can run them on a time of its own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Whole milliseconds since some moment, for how long something takes: a clock that is set does not change it. */
  monotonic(): number
  /** Rejects as soon as the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
  /** A signal that aborts after so long. */
  timeout(ms: number): AbortSignal
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Node takes no fractions for a timeout.
  monotonic: () => Math.floor(performance.now()),
  wait: (ms, signal) => wait(ms, undefined, { signal }),
  timeout: (ms) => AbortSignal.timeout(ms),
}

/** What everything that waits or spreads its tries is made with. */
export interface Timing {
  readonly clock: Clock
  /** From 0 up to 1. */
  random(): number
}

export const systemTiming: Timing = { clock: systemClock, random: Math.random }
