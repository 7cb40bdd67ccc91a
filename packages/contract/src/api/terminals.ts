import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Timestamp, Uuid } from '../fields.ts'

export const terminals = {
  create: endpoint({
    method: 'POST',
    path: '/v1/containers/:uuid/terminal',
    summary: 'Make a ticket for a terminal in a browser, or over a WebSocket',
    scope: 'exec',
    idempotency: 'once',
    params: z.object({ uuid: Uuid }),
    result: json(
      z
        .object({
          websocket_url: z.string().describe("Speaks ttyd's protocol (`tty`) and our own (`gpulab.tty.v1`)."),
          token: z.string().describe('Good once, for a minute; the `AuthToken` of the first message.'),
          expires_at: Timestamp,
          url: z.string().describe('The page, with the token in its fragment.'),
        })
        .meta({ id: 'Terminal' }),
      201,
    ),
    errors: ['container_not_found', 'container_not_running', 'host_unreachable', 'not_available'],
  }),
}
