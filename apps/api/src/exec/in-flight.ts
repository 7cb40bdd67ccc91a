import { GpulabError } from '@gpulab/contract'

/** How many things each owner has under way. */
export interface InFlight {
  /** Runs `work` unless its owner has too much under way already; then throws `rate_limited`. */
  run<T>(owner: string, work: () => Promise<T>): Promise<T>
}

export function createInFlight(max: number, what: string, ownerKind = 'API key'): InFlight {
  const counts = new Map<string, number>()
  return {
    run: async (owner, work) => {
      const count = counts.get(owner) ?? 0
      if (count >= max) {
        throw new GpulabError('rate_limited', {
          message: `This ${ownerKind} has ${count} ${what} under way already.`,
          hint: 'Wait until some of them have ended.',
          details: { max },
        })
      }
      counts.set(owner, count + 1)
      try {
        return await work()
      } finally {
        const left = (counts.get(owner) ?? 1) - 1
        if (left === 0) counts.delete(owner)
        else counts.set(owner, left)
      }
    },
  }
}
