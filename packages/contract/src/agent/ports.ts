import { PortParams } from '../api/ports.ts'
import { duplex, endpoint } from '../endpoint.ts'

/** As the public call. */
export const ports = {
  connect: endpoint({
    method: 'GET',
    path: '/containers/:uuid/ports/:port/connect',
    summary: "Connect to a TCP port of a container's own loopback address",
    scope: 'host',
    params: PortParams,
    result: duplex(),
    errors: [
      'container_not_found',
      'container_not_running',
      'port_closed',
      'engine_unavailable',
      'not_available',
      'rate_limited',
    ],
  }),
}
