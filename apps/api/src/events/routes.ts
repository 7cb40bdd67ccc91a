import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { followEvents, followTeamEvents } from './service.ts'

export function eventRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.events.ofContainer, ({ params, query: { cursor, follow } }, { principal, signal }) =>
    followEvents(deps, principal, params.uuid, { cursor, follow }, signal),
  )
  serve(api.events.ofTeam, ({ query }, { principal, signal }) =>
    followTeamEvents(deps, principal, query, signal),
  )
}
