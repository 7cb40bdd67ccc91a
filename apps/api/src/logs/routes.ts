import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { readDeployLog, readLogs } from './service.ts'

export function logRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.logs.read, ({ params, query }, { principal, signal }) =>
    readLogs(deps, principal, params.uuid, query, signal),
  )
  serve(api.logs.deploy, ({ params, query: { cursor, follow } }, { principal, signal }) =>
    readDeployLog(deps, principal, params.uuid, { cursor, follow }, signal),
  )
}
