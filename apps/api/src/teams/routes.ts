import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { changeTeam, createTeam, getTeam, pageTeams, setQuotas } from './service.ts'

export function teamRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { teams } = api.admin
  serve(teams.list, ({ query }) => pageTeams(deps, query))
  serve(teams.get, ({ params }) => getTeam(deps, params.uuid))
  serve(teams.create, ({ body }, context) =>
    once(deps, teams.create, { body }, context, {
      run: (remember) => createTeam(deps, body, remember),
      replay: (uuid) => getTeam(deps, uuid),
    }),
  )
  serve(teams.update, ({ params, body }) => changeTeam(deps, params.uuid, body))
  serve(teams.setQuotas, ({ params, body }) => setQuotas(deps, params.uuid, body))
}
