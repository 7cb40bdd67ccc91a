import { GpulabError } from '@gpulab/contract'

/** How often each owner may do something: a bucket of tokens for each, on this replica. */
export interface Rate {
  /** Throws `rate_limited` when the owner's bucket is empty. */
  take(owner: string): void
}

interface RateOptions {
  readonly perSecond: number
  /** What may come at once after a pause. */
  readonly burst: number
  /** Monotonic, in milliseconds. */
  readonly now: () => number
}

const sweepAt = 10_000

export function createRate({ perSecond, burst, now }: RateOptions): Rate {
  /** When each bucket will be full again. */
  const fullAt = new Map<string, number>()
  const costMs = 1000 / perSecond
  return {
    take: (owner) => {
      const time = now()
      if (fullAt.size >= sweepAt) for (const [key, at] of fullAt) if (at <= time) fullAt.delete(key)
      const next = Math.max(fullAt.get(owner) ?? 0, time) + costMs
      if (next - time > burst * costMs) {
        throw new GpulabError('rate_limited', {
          message: `More than ${perSecond} commands a second.`,
          hint: 'Let one command do more, or wait a moment.',
          details: { per_second: perSecond, burst },
        })
      }
      fullAt.set(owner, next)
    },
  }
}
