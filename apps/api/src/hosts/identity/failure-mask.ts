import { GpulabError } from '@gpulab/contract'
import { isIPv6 } from 'node:net'
import type { Clock } from '../../deps.ts'

const windowMs = 60_000
const failuresMax = 20
const addressesMax = 10_000

/**
 * Counts failed joins and connects by address; who fails too often hears nothing more than that, so guessing teaches
 * nothing. It saves no work: each attempt is looked up and its signature checked all the same, since agents behind one
 * proxy share its address, and a good proof must not be shut out by a neighbour. What limits the work is a proxy in
 * front, by address or connection. What is cheap to refuse comes first: a challenge that is not ours or too old costs
 * one HMAC and no query.
 */
export interface FailureMask {
  /** What the caller at this address shall hear of a failure. */
  toAnswer(address: string, failure: GpulabError): GpulabError
}

export function createFailureMask(clock: Clock): FailureMask {
  const counts = new Map<string, { since: number; failures: number }>()
  return {
    toAnswer: (address, failure) => {
      const now = clock.now().getTime()
      const key = toSource(address)
      const known = counts.get(key)
      const count = known && now - known.since < windowMs ? known : { since: now, failures: 0 }
      count.failures++
      // Put in anew, so that the first entry is always the one not seen for the longest time.
      counts.delete(key)
      counts.set(key, count)
      if (counts.size > addressesMax) counts.delete(counts.keys().next().value ?? key)
      if (count.failures <= failuresMax) return failure
      return new GpulabError('rate_limited', {
        message: 'Too many failed attempts from this address.',
        hint: 'Wait a minute, and look at what the first failures said.',
      })
    },
  }
}

/** Whoever has one IPv6 address has all of its network. */
export const toSource = (address: string): string =>
  isIPv6(address) && !address.startsWith('::ffff:') ? address.split(':').slice(0, 4).join(':') : address
