import { GpulabError } from '@gpulab/contract'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'

/** How a line behaves at the moment; shares from 0 to 1. */
export interface Weather {
  readonly lost: number
  readonly doubled: number
  /** Of those that come very late, and how late at most. */
  readonly late: number
  readonly lateMs: number
}
export const fair: Weather = { lost: 0, doubled: 0, late: 0, lateMs: 0 }

export interface Exchange<T> {
  readonly name: string
  /** Only this is repeated by a transport without a word. */
  readonly isRepeatable: boolean
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** What the control plane does when it gets there; may be called twice, or never. */
  arrive(): Promise<T | Held<T>>
}

/** An answer that is held back until there is news. */
export class Held<T> {
  readonly answer: Promise<T>

  constructor(answer: Promise<T>) {
    this.answer = answer
  }
}

/** The way between one client and the control plane. */
export interface Link {
  weather: Weather
  /** Nothing gets through, in one direction or both. */
  cut: 'none' | 'both' | 'there' | 'back'
  /** The control plane dies after it has done what the next exchange of this name asks. */
  dieAfter: string | undefined
  exchange<T>(exchange: Exchange<T>): Promise<T>
  /** The last messages arrive once more, at any time within so long. */
  echo(ms: number): void
}

interface LinkDeps {
  readonly timeline: Timeline
  readonly random: Random
  /** Whether a replica of the control plane answers. */
  isUp(): boolean
  /** Whether others may come while the control plane does what was asked. */
  readonly isConcurrent: boolean
  trace(line: string): void
}

const echoesMax = 12
const resetMaxMs = 3000
const refusedMs = 5

export function createLink({ timeline, random, isUp, isConcurrent, trace }: LinkDeps): Link {
  const link: Link = { weather: fair, cut: 'none', dieAfter: undefined, exchange, echo }

  const sent: (() => void | Promise<void>)[] = []
  function echo(ms: number): void {
    for (const again of sent) if (random.chance(0.6)) timeline.after(random.int(1, ms), again)
  }

  const delayOf = (): number => {
    const { late, lateMs } = link.weather
    return random.chance(late) ? random.int(500, lateMs) : random.int(1, 40)
  }
  const isCut = (direction: 'there' | 'back'): boolean => link.cut === 'both' || link.cut === direction

  async function exchange<T>({ name, isRepeatable, timeoutMs, signal, arrive }: Exchange<T>): Promise<T> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const fail = (): void =>
      reject(new GpulabError(isRepeatable ? 'api_unreachable' : 'outcome_unknown', { message: name }))
    const cancelTimeout = timeline.after(timeoutMs, fail)
    const abort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    promise
      .finally(() => {
        cancelTimeout()
        signal?.removeEventListener('abort', abort)
      })
      .catch(() => {})

    const vanish = (): void => {
      if (random.chance(0.5)) timeline.after(random.int(1, resetMaxMs), fail)
    }
    const answer = (settleWith: () => void): void => {
      if (isCut('back') || random.chance(link.weather.lost)) return vanish()
      timeline.after(delayOf(), () => (isCut('back') ? vanish() : settleWith()))
    }
    const deliver = (isFirst: boolean): void | Promise<void> => {
      if (isCut('there')) return isFirst ? vanish() : undefined
      if (!isUp()) return isFirst ? void timeline.after(refusedMs, fail) : undefined
      const succeed = (value: T): void => {
        if (!isFirst) return
        if (link.dieAfter === name) {
          link.dieAfter = undefined
          trace(`the control plane dies before it answers ${name}`)
          return void timeline.after(random.int(1, 50), fail)
        }
        answer(() => resolve(value))
      }
      const refuse = (error: Error): void => {
        if (isFirst) answer(() => reject(error))
      }
      const settleBy = (value: T | Held<T>): void =>
        value instanceof Held ? void value.answer.then(succeed, refuse) : succeed(value)
      const done = arrive().then(settleBy, refuse)
      return isConcurrent ? undefined : done
    }

    if (name !== 'target') sent.push(() => deliver(false))
    if (sent.length > echoesMax) sent.shift()
    if (isCut('there') || random.chance(link.weather.lost)) vanish()
    else timeline.after(delayOf(), () => deliver(true))
    if (random.chance(link.weather.doubled)) {
      timeline.after(random.int(1, Math.max(link.weather.lateMs, 100)), () => deliver(false))
    }
    return promise
  }
  return link
}
