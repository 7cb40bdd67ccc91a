import { type Account, GpulabError } from '@gpulab/contract'
import { createApiClient } from '../api-client.ts'
import { keyMissing } from '../require-key.ts'
import type { Context } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { maskKey } from '../profile.ts'
import { identityOf } from './whoami.ts'

interface Check {
  readonly account?: Account
  readonly error?: GpulabError
  readonly latencyMs: number
}

const sources = { flag: '--api-key', environment: 'GPULAB_API_KEY', file: 'file', default: 'default' }

/** Prints what there is to know, then fails if the API can't be used. */
export async function showStatus({ output, profile, signal }: Context): Promise<void> {
  const { apiKey, apiKeySource, apiUrl } = profile
  const startedAt = performance.now()
  const check: Check = await createApiClient({ ...profile, apiKey: apiKey ?? 'none' })
    .account.get({}, { signal })
    .then(
      (account) => ({ account }),
      (error: unknown) => {
        if (error instanceof GpulabError && error.code !== 'interrupted') return { error }
        throw error
      },
    )
    .then((found) => ({ ...found, latencyMs: Math.round(performance.now() - startedAt) }))
  const { account, latencyMs } = check
  const isReachable = account !== undefined || (check.error?.status ?? 500) < 500
  const key = apiKey && apiKeySource ? `${maskKey(apiKey)} (${sources[apiKeySource]})` : 'none'

  output.render({
    table: () => {
      output.line(`API URL:   ${escapeText(apiUrl)}`)
      output.line(`API key:   ${escapeText(key)}`)
      output.line(
        `API:       ${isReachable ? `reachable, ${latencyMs} ms` : output.style('red', 'not reachable')}`,
      )
      output.line(
        `Account:   ${account ? identityOf(account) : isReachable ? output.style('red', 'not logged in') : 'not known: the API does not answer'}`,
      )
      output.line(`Config:    ${escapeText(profile.path)}`)
    },
    json: {
      api_url: apiUrl,
      api_key: apiKey ? maskKey(apiKey) : null,
      api_key_source: apiKeySource ?? null,
      reachable: isReachable,
      authenticated: account !== undefined,
      latency_ms: latencyMs,
      user: account?.user ?? null,
      team: account?.team ?? null,
      config: profile.path,
    },
    quiet: [account ? 'ok' : isReachable ? 'unauthenticated' : 'unreachable'],
  })
  if (check.error) throw apiKey || !isReachable ? check.error : keyMissing()
}
