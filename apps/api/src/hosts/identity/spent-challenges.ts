import { challengeSeconds } from '@gpulab/contract'
import type { Clock } from '../../deps.ts'

/** Far more than all hosts of a control plane answer within a challenge's life. */
const keptMax = 100_000

/**
 * Challenges that were answered rightly, so that who has copied an answer cannot give it a second time to this
 * replica. Only right answers are kept, and only as long as they could be repeated.
 */
export interface SpentChallenges {
  /** False if the challenge has been spent before. */
  spend(challenge: string): boolean
}

export function createSpentChallenges(clock: Clock): SpentChallenges {
  const spentAt = new Map<string, number>()
  return {
    spend: (challenge) => {
      const now = clock.now().getTime()
      // Oldest first, as they were put in. A challenge of a replica whose clock is ahead lives twice as long.
      for (const [old, at] of spentAt) {
        if (now - at <= challengeSeconds * 2000 && spentAt.size < keptMax) break
        spentAt.delete(old)
      }
      if (spentAt.has(challenge)) return false
      spentAt.set(challenge, now)
      return true
    },
  }
}
