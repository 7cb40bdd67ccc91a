import { type Endpoint, GpulabError, type RateClass } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { toSource } from '../hosts/identity/failure-mask.ts'
import { type Allowance, createAllowances } from './allowance.ts'
import { failedLoginRate, type Rate, rates, scale, userFactor } from './rates.ts'
import { takeTokens } from './store.ts'

export interface Limits {
  /** Counts a request; throws `rate_limited` when its key or its user has used up what it may. */
  count(
    endpoint: Pick<Endpoint, 'rate'>,
    principal: Pick<Principal, 'keyId' | 'userUuid'>,
  ): Promise<Allowance>
  /**
   * What a caller at this address hears of its bad key: after too many of them only that. A good key is never shut out
   * by a neighbour's bad ones.
   */
  toAnswer(address: string, failure: GpulabError): Promise<GpulabError>
}

/** Limits that hold across replicas: their buckets are in the database. */
export function createLimits({ db, clock, config }: Pick<Deps, 'db' | 'clock' | 'config'>): Limits {
  const now = (): number => performance.now()
  const allowancesOf = (kind: string, rate: Rate) =>
    createAllowances(
      (owner, wanted) => takeTokens(db, `${kind} ${owner}`, { wanted, rate, now: clock.now() }),
      rate,
      now,
    )
  const of = (name: RateClass) => {
    const rate = scale(rates[name], config.rateFactor)
    return {
      key: allowancesOf(`${name} key`, rate),
      user: allowancesOf(`${name} user`, scale(rate, userFactor)),
    }
  }
  const classes = { exec: of('exec'), deploy: of('deploy'), rest: of('rest') }
  const failedLogins = allowancesOf('login', scale(failedLoginRate, config.rateFactor))

  return {
    count: async (endpoint, { keyId, userUuid }) => {
      const rate: RateClass = endpoint.rate ?? 'rest'
      const { key, user } = classes[rate]
      const ofKey = await key.take(keyId)
      // A key that asks too often uses up nothing of what its user's other keys may.
      const ofUser = ofKey.retryAfter === 0 ? await user.take(userUuid) : ofKey
      if (ofUser.retryAfter === 0) return ofKey
      const what = { exec: 'commands', deploy: 'deployments', rest: 'requests' }[rate]
      const who = ofUser === ofKey ? 'API key' : 'user'
      throw new GpulabError('rate_limited', {
        message: `This ${who} has asked for too many ${what}.`,
        hint: 'Let one do more, or wait a moment.',
        details: { retry_after: ofUser.retryAfter, limit: ofUser.limit },
      })
    },
    toAnswer: async (address, failure) => {
      const { retryAfter } = await failedLogins.take(toSource(address))
      if (retryAfter === 0) return failure
      return new GpulabError('rate_limited', {
        message: 'Too many API keys from this address were not valid.',
        hint: 'Look at what the first failures said.',
        details: { retry_after: retryAfter },
      })
    },
  }
}
