import { z } from 'zod'
import { duplex, endpoint } from '../endpoint.ts'
import { Uuid } from '../fields.ts'

export const PortParams = z.object({
  uuid: Uuid,
  port: z.coerce.number().int().min(1).max(65_535),
})

export const ports = {
  connect: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/ports/:port/connect',
    summary: "Connect to a TCP port of a container's own loopback address",
    scope: 'exec',
    params: PortParams,
    result: duplex(),
    errors: [
      'container_not_found',
      'container_not_running',
      'port_closed',
      'host_unreachable',
      'engine_unavailable',
      'not_available',
      'rate_limited',
    ],
  }),
}
