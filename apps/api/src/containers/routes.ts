import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { removeContainer, restartContainer, startContainer, stopContainer } from './lifecycle.ts'
import { createContainer, pageContainers, showContainer } from './service.ts'

export function containerRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { containers } = api
  serve(containers.create, ({ body }, { principal }) => createContainer(deps, principal, body))
  serve(containers.list, ({ query: { limit, cursor, name, status } }, { principal }) =>
    pageContainers(deps, principal, { limit, cursor, name, status }),
  )
  serve(containers.get, ({ params, query }, { principal }) =>
    showContainer(deps, principal, params.uuid, query.show_env ?? false),
  )
  serve(containers.stop, ({ params }, { principal }) => stopContainer(deps, principal, params.uuid))
  serve(containers.start, ({ params }, { principal }) => startContainer(deps, principal, params.uuid))
  serve(containers.restart, ({ params }, { principal }) => restartContainer(deps, principal, params.uuid))
  serve(containers.remove, ({ params }, { principal }) => removeContainer(deps, principal, params.uuid))
}
