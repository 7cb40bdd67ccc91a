import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { getUser } from '../users/service.ts'
import { createKeyFor, createOwnKey, pageKeys, reachOf, revokeKeyOf } from './service.ts'

export function apiKeyRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { apiKeys } = api
  const { keys } = api.admin
  const replay = () => Promise.reject(new GpulabError('idempotency_replayed'))
  serve(apiKeys.list, ({ query }, { principal }) => pageKeys(deps, reachOf(principal), query))
  serve(apiKeys.create, ({ body }, context) =>
    once(deps, apiKeys.create, { body }, context, {
      run: (remember) => createOwnKey(deps, context.principal, { ...body, scopes: body.scopes }, remember),
      replay,
    }),
  )
  serve(apiKeys.revoke, ({ params }, { principal }) => revokeKeyOf(deps, reachOf(principal), params.id))
  serve(keys.list, ({ query: { user, team, ...page } }) =>
    pageKeys(deps, { userUuid: user, teamUuid: team }, page),
  )
  serve(keys.create, ({ body: { user_uuid: userUuid, ...body } }, context) =>
    once(deps, keys.create, { body: { user_uuid: userUuid, ...body } }, context, {
      run: async (remember) => {
        await getUser(deps, userUuid)
        return createKeyFor(deps, userUuid, { ...body, scopes: body.scopes }, remember)
      },
      replay,
    }),
  )
  serve(keys.revoke, ({ params }) => revokeKeyOf(deps, {}, params.id))
}
