import { api, type Container } from '@gpulab/contract'
import { type Moments, momentsOf, type Operation } from '@gpulab/fail-points'
import type { Context, Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once, type Remember } from '../idempotency/service.ts'
import { createContainer } from './create-container.ts'
import { removeContainer, restartContainer, startContainer, stopContainer } from './lifecycle.ts'
import { redeployContainer } from './redeploy.ts'
import { pageContainers, showContainer } from './service.ts'

export function containerRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { containers } = api
  const during = (operation: Operation) => ({ ...deps, moment: momentsOf(deps.failPoint, operation) })
  serve(containers.create, ({ body }, context) =>
    once(deps, containers.create, { body }, context, {
      run: (remember) => createContainer(during('create'), context.principal, body, remember),
      replay: (uuid) => showContainer(deps, context.principal, uuid, false),
    }),
  )
  serve(containers.list, ({ query: { limit, cursor, name, status } }, { principal }) =>
    pageContainers(deps, principal, { limit, cursor, name, status }),
  )
  serve(containers.get, ({ params, query }, { principal }) =>
    showContainer(deps, principal, params.uuid, query.show_env ?? false),
  )
  serve(containers.remove, ({ params }, { principal }) =>
    removeContainer(during('remove'), principal, params.uuid),
  )

  const actions = {
    stop: stopContainer,
    start: startContainer,
    restart: restartContainer,
    redeploy: redeployContainer,
  }
  for (const [name, act] of Object.entries(actions) as [keyof typeof actions, typeof stopContainer][]) {
    serve(containers[name], ({ params }, context) => changeOnce(during(name), name, params, context, act))
  }
}

type ChangeDeps = Deps & { readonly moment: Moments }

const changeOnce = (
  deps: ChangeDeps,
  name: 'stop' | 'start' | 'restart' | 'redeploy',
  params: { uuid: string },
  context: Context<Principal>,
  act: (deps: ChangeDeps, principal: Principal, uuid: string, remember: Remember) => Promise<Container>,
): Promise<Container> =>
  once(deps, api.containers[name], { params }, context, {
    run: (remember) => act(deps, context.principal, params.uuid, remember),
    replay: (uuid) => showContainer(deps, context.principal, uuid, false),
  })
