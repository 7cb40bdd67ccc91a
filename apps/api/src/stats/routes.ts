import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { readStats } from './service.ts'

export function statsRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.stats.read, ({ params, query }, { principal, signal }) =>
    readStats(deps, principal, params.uuid, query.follow, signal),
  )
}
