import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { removeVolume, resizeVolume } from './change-volume.ts'
import { createVolume } from './create-volume.ts'
import { pageVolumes, showVolume } from './service.ts'

export function volumeRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { volumes } = api
  serve(volumes.create, ({ body }, context) =>
    once(deps, volumes.create, { body }, context, {
      run: (remember) => createVolume(deps, context.principal, body, remember),
      replay: (uuid) => showVolume(deps, context.principal, uuid),
    }),
  )
  serve(volumes.list, ({ query: { limit, cursor, name } }, { principal }) =>
    pageVolumes(deps, principal, { limit, cursor, name }),
  )
  serve(volumes.get, ({ params }, { principal }) => showVolume(deps, principal, params.uuid))
  serve(volumes.resize, ({ params, body }, { principal }) =>
    resizeVolume(deps, principal, params.uuid, body.size_bytes),
  )
  serve(volumes.remove, ({ params }, { principal }) => removeVolume(deps, principal, params.uuid))
}
