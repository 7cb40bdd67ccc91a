import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { addSshKey, getSshKey, pageSshKeys, removeSshKey } from './service.ts'

export function sshKeyRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { sshKeys } = api
  serve(sshKeys.list, ({ query }, { principal }) => pageSshKeys(deps, principal, query))
  serve(sshKeys.add, ({ body }, context) =>
    once(deps, sshKeys.add, { body }, context, {
      run: (remember) => addSshKey(deps, context.principal, body, remember),
      replay: (uuid) => getSshKey(deps, context.principal, uuid),
    }),
  )
  serve(sshKeys.remove, ({ params }, { principal }) => removeSshKey(deps, principal, params.uuid))
}
