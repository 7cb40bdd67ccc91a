import { control, gateway } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { HostPrincipal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { admit, findRoute, listGateways, verifyHost, welcomeGateway } from './service.ts'

export function gatewayRoutes(serve: Serve<undefined>, serveHosts: Serve<HostPrincipal>, deps: Deps): void {
  serve(gateway.hello, ({ body }) => welcomeGateway(deps, body.uplink_url))
  serve(gateway.verifyHost, ({ body }) => verifyHost(deps, body.ticket))
  serve(gateway.admit, ({ body }) => admit(deps, body))
  serve(gateway.route, ({ params }) => findRoute(deps, params.uuid))
  serveHosts(control.gateways.list, (_input, { principal }) => listGateways(deps, principal))
}
