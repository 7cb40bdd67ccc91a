import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { changeUser, createUser, getUser, pageUsers } from './service.ts'

export function userRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { users } = api.admin
  serve(users.list, ({ query }) => pageUsers(deps, query))
  serve(users.get, ({ params }) => getUser(deps, params.uuid))
  serve(users.create, ({ body }, context) =>
    once(deps, users.create, { body }, context, {
      run: (remember) => createUser(deps, body, remember),
      replay: (uuid) => getUser(deps, uuid),
    }),
  )
  serve(users.update, ({ params, body }, { principal }) => changeUser(deps, principal, params.uuid, body))
}
