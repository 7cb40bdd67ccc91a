import { type ErrorCode, GpulabError } from '@gpulab/contract'
import { isIP } from 'node:net'

/** So many made-up names and keys in one go, and after that so many a second. */
const burst = 100
const perSecond = 2
const addressesMax = 50_000

/** What the API says to what was made up. */
const refusals = new Set<ErrorCode>([
  'container_not_found',
  'port_private',
  'terminal_ticket_invalid',
  'host_session_invalid',
])

/** Asks the API something that a client may have made up. Throws `rate_limited` in place of asking too often. */
export type Toll = <T>(question: () => Promise<T>) => Promise<T>

export const free: Toll = (question) => question()

/** By the client's address; one that is not known has no limit. */
export type Strangers = (address: string | undefined) => Toll

interface Bucket {
  left: number
  at: number
}

/**
 * Lets no address make the API answer for ever what is nowhere. Every question costs, until its answer shows that there
 * is such a thing: so nobody gets more under way at a time, either.
 */
export function createStrangers(now: () => number = () => performance.now()): Strangers {
  const buckets = new Map<string, Bucket>()
  const fill = (network: string): Bucket => {
    const { left, at } = buckets.get(network) ?? { left: burst, at: now() }
    const bucket = { left: Math.min(burst, left + ((now() - at) / 1000) * perSecond), at: now() }
    buckets.delete(network)
    buckets.set(network, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > addressesMax && oldest !== undefined) buckets.delete(oldest)
    return bucket
  }
  return (address) => {
    if (address === undefined || isIP(address) === 0) return free
    const network = toNetwork(address)
    return async (question) => {
      const bucket = fill(network)
      if (bucket.left < 1) throw tooMany(Math.ceil((1 - bucket.left) / perSecond))
      bucket.left -= 1
      try {
        const answer = await question()
        fill(network).left += 1
        return answer
      } catch (error) {
        if (!(error instanceof GpulabError && refusals.has(error.code))) fill(network).left += 1
        throw error
      }
    }
  }
}

/** Of IPv6 the first 64 bits: whoever has one of those addresses has all of them. */
export function toNetwork(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const parts = (text = ''): string[] => text.split(':').filter((part) => part !== '')
  const [left, right] = [parts(head), parts(tail)]
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':')
}

const tooMany = (seconds: number): GpulabError =>
  new GpulabError('rate_limited', {
    message: 'Too many requests from your address were for what is not there.',
    hint: 'Wait a moment, and look at the address and the key.',
    details: { retry_after: seconds },
  })
