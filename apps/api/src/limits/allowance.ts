import type { Rate } from './rates.ts'
import type { Grant } from './store.ts'

export interface Allowance {
  readonly limit: number
  readonly left: number
  /** Seconds; 0 where the token was there. */
  readonly retryAfter: number
}

interface Share {
  tokens: number
  left: number
  batch: number
  takenAt: number
  /** Monotonic: before that there is none to be had. */
  emptyUntil: number
  refill: Promise<boolean> | undefined
}

/** Tokens that nobody has used by then are lost, so that a replica at rest holds back none for long. */
const heldMs = 1000
const ownersMax = 10_000

/**
 * Takes tokens from a shared bucket by the batch, so that a busy owner does not cost a query each time: batches grow
 * with what is used of them within a second. No more go out than the bucket has.
 */
export function createAllowances(
  take: (owner: string, wanted: number) => Promise<Grant>,
  { perSecond, burst }: Rate,
  now: () => number,
) {
  const shares = new Map<string, Share>()
  const batchMax = Math.max(1, Math.floor(burst / 20))

  /** Whether there was any. */
  const refill = async (owner: string, share: Share): Promise<boolean> => {
    const time = now()
    const isBusy = time - share.takenAt < heldMs && share.tokens === 0
    share.batch = isBusy ? Math.min(batchMax, share.batch * 2) : 1
    const { tokens, left } = await take(owner, share.batch)
    share.tokens = tokens
    share.left = left
    share.takenAt = time
    if (tokens === 0) share.emptyUntil = time + 1000 / perSecond
    return tokens > 0
  }
  const refuse = ({ emptyUntil }: Share, time: number): Allowance => ({
    limit: burst,
    left: 0,
    retryAfter: Math.max(1, Math.ceil((emptyUntil - time) / 1000)),
  })

  return {
    /** Takes one token, if there is one. */
    async take(owner: string): Promise<Allowance> {
      if (shares.size >= ownersMax) shares.clear()
      const share = shares.getOrInsertComputed(owner, () => ({
        tokens: 0,
        left: 0,
        batch: 1,
        takenAt: Number.NEGATIVE_INFINITY,
        emptyUntil: Number.NEGATIVE_INFINITY,
        refill: undefined,
      }))
      for (;;) {
        const time = now()
        if (share.tokens > 0 && time - share.takenAt < heldMs) {
          share.tokens--
          return { limit: burst, left: share.left + share.tokens, retryAfter: 0 }
        }
        if (share.emptyUntil > time) return refuse(share, time)
        // Those who come meanwhile wait for the same batch.
        share.refill ??= refill(owner, share).finally(() => {
          share.refill = undefined
        })
        if (!(await share.refill)) return refuse(share, now())
      }
    },
  }
}
