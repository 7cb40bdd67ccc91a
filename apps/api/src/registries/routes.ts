import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { logIn, logOut, pageLogins } from './service.ts'

export function registryRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { registries } = api
  serve(registries.list, ({ query }, { principal }) => pageLogins(deps, principal, query))
  serve(registries.login, ({ body }, { principal }) => logIn(deps, principal, body))
  serve(registries.logout, ({ params }, { principal }) => logOut(deps, principal, params.registry))
}
