import { api, type Host } from '@gpulab/contract'
import type { Context, Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once, type Remember } from '../idempotency/service.ts'
import { cordonHost, drainHost, fenceHost, removeHost, uncordonHost } from './operate-host.ts'
import { pageHosts, showHost, showHostEvents, watchHost } from './show-hosts.ts'

const actions = { cordon: cordonHost, uncordon: uncordonHost, drain: drainHost, fence: fenceHost }

export function operatorRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { hosts } = api
  serve(hosts.list, ({ query: { name, cursor, limit } }) => pageHosts(deps, { name, cursor, limit }))
  serve(hosts.get, ({ params }) => showHost(deps, params.uuid))
  serve(hosts.events, ({ params }) => showHostEvents(deps, params.uuid))
  serve(hosts.watch, ({ params }, { signal }) => watchHost(deps, params.uuid, signal))
  serve(hosts.remove, ({ params }) => removeHost(deps, params.uuid))
  for (const name of ['cordon', 'uncordon', 'drain', 'fence'] as const) {
    serve(hosts[name], ({ params }, context) => operateOnce(deps, name, params, context, actions[name]))
  }
}

const operateOnce = (
  deps: Deps,
  name: keyof typeof actions,
  params: { uuid: string },
  context: Context<Principal>,
  act: (deps: Deps, uuid: string, remember: Remember) => Promise<Host>,
): Promise<Host> =>
  once(deps, api.hosts[name], { params }, context, {
    run: (remember) => act(deps, params.uuid, remember),
    replay: (uuid) => showHost(deps, uuid),
  })
