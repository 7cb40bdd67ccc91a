import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { showAccount } from './service.ts'

export function accountRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.account.get, (_input, { principal }) => showAccount(deps, principal))
}
