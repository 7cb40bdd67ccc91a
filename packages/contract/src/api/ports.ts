import { z } from 'zod'
import { duplex, endpoint, json } from '../endpoint.ts'
import { Port, PortModes, Timestamp, Uuid } from '../fields.ts'
import { Container } from './containers.ts'

export const PortParams = z.object({
  uuid: Uuid,
  port: z.coerce.number().int().min(1).max(65_535),
})

/** Seconds that a signed link may be good for. */
const linkMaxSeconds = 30 * 86_400

export const ports = {
  set: endpoint({
    method: 'PUT',
    path: '/v1/containers/:uuid/ports',
    summary: 'Declare which ports of a container have a URL, and for whom',
    scope: 'write',
    params: z.object({ uuid: Uuid }),
    body: z.object({
      ports: z.array(Port).max(64).describe('All of them: others have no URL any more.'),
      port_modes: PortModes.default({}).describe('Those that are left out are public.'),
    }),
    result: json(Container),
    errors: ['container_not_found'],
  }),
  link: endpoint({
    method: 'POST',
    path: '/v1/containers/:uuid/ports/:port/links',
    summary: 'Make a link that opens a private port in a browser',
    scope: 'exec',
    idempotency: 'once',
    params: PortParams,
    body: z.object({
      ttl: z.int().min(1).max(linkMaxSeconds).default(3600).describe('Seconds for which it is good.'),
    }),
    result: json(
      z.object({
        url: z.string().describe('For whoever shall come in; what it holds is as good as a password.'),
        expires_at: Timestamp,
      }),
      201,
    ),
    errors: ['container_not_found', 'port_not_found', 'not_available'],
  }),
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
