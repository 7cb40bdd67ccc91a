import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { execCommand } from './service.ts'

export function execRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.exec.run, ({ params, body }, { principal, signal }) =>
    execCommand(deps, principal, params.uuid, body, signal),
  )
}
