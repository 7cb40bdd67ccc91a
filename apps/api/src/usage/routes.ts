import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { getTeam } from '../teams/service.ts'
import { addCredit, pageCredits, showUsage } from './service.ts'

export function usageRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { credits } = api.admin
  serve(api.account.usage, ({ query }, { principal }) => showUsage(deps, principal, query))
  serve(credits.list, async ({ params, query }) => {
    await getTeam(deps, params.uuid)
    return pageCredits(deps, params.uuid, query)
  })
  serve(credits.add, ({ params, body }, context) =>
    once(deps, credits.add, { params, body }, context, {
      run: async (remember) => {
        await getTeam(deps, params.uuid)
        return addCredit(deps, context.principal, params.uuid, body, remember)
      },
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    }),
  )
}
