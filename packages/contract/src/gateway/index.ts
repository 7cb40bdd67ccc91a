import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Port, PortMode, text, Timestamp, Uuid } from '../fields.ts'

/** Where a gateway, or one replica of the API, takes uplinks of agents. */
export const UplinkUrl = z
  .string()
  .max(300)
  .regex(/^(https?:\/\/[^\s/?#@]+|unix:\/[^\s]+)$/, 'http(s)://host[:port] or unix:/path')

/** Seconds after which a gateway or replica that was not heard of is dialled no more. */
export const uplinkSilenceSeconds = 45

/** What a gateway knows of a container: where it is, and which of its ports may be reached by whom. */
export const Route = z.object({
  status: z.string(),
  reason: z.string().nullable().describe('Why it is in that status.'),
  host: z
    .object({
      uuid: Uuid,
      key: z.string().describe('Of the agent that is the host now: an uplink of another one is not used.'),
    })
    .nullable()
    .describe('null where it does not run.'),
  ports: z.record(z.string(), PortMode).describe('Declared ports.'),
})
export type Route = z.infer<typeof Route>

const TerminalPass = z.object({
  session_id: Uuid.describe('Of the session that is the terminal; the first to come starts it.'),
  pass: z.string().describe('For a cookie: with it the page gets fresh tickets.'),
  expires_at: Timestamp.describe('Of the pass.'),
})

/** What the control plane serves to gateways. */
export const gateway = {
  hello: endpoint({
    method: 'POST',
    path: '/gateway/v1/hello',
    summary: 'Say that this gateway runs, and where agents reach it',
    scope: 'gateway',
    body: z.object({ uplink_url: UplinkUrl }),
    result: json(
      z.object({ proxy_url: z.string().nullable().describe('The domain of the URLs that users get.') }),
    ),
    errors: [],
  }),
  verifyHost: endpoint({
    method: 'POST',
    path: '/gateway/v1/hosts/verify',
    summary: 'Learn which host has dialled in with this ticket',
    scope: 'gateway',
    body: z.object({ ticket: text(500) }),
    result: json(z.object({ host_uuid: Uuid, key: z.string().describe('As in routes.') })),
    errors: ['host_session_invalid'],
  }),
  route: endpoint({
    method: 'GET',
    path: '/gateway/v1/routes/:uuid',
    summary: 'Learn where a container is reached',
    scope: 'gateway',
    params: z.object({ uuid: Uuid }),
    result: json(Route),
    errors: ['container_not_found'],
  }),
  admit: endpoint({
    method: 'POST',
    path: '/gateway/v1/admissions',
    summary: 'Ask whether a private port opens to an API key or a signed link',
    scope: 'gateway',
    body: z.object({
      uuid: Uuid,
      port: Port,
      credential: text(1000).describe('The key, or the token of the link.'),
    }),
    result: json(z.object({ expires_at: Timestamp.nullable() })),
    errors: ['port_private'],
  }),
  openTerminal: endpoint({
    method: 'POST',
    path: '/gateway/v1/terminals/open',
    summary: 'Use up a ticket for a terminal',
    scope: 'gateway',
    body: z.object({ uuid: Uuid, ticket: text(1000) }),
    result: json(TerminalPass),
    errors: ['terminal_ticket_invalid', 'container_not_found'],
  }),
  renewTerminal: endpoint({
    method: 'POST',
    path: '/gateway/v1/terminals/renew',
    summary: 'Give a page that has a terminal a fresh ticket for it',
    scope: 'gateway',
    body: z.object({ uuid: Uuid, pass: text(1000) }),
    result: json(
      z.object({
        session_id: Uuid,
        ticket: z.string(),
        expires_at: Timestamp.describe('Of the ticket.'),
        pass: z.string().optional().describe('For as long again, from now on.'),
      }),
    ),
    errors: ['terminal_ticket_invalid', 'container_not_found'],
  }),
}

/** What the control plane serves to agents about uplinks. */
export const gateways = {
  list: endpoint({
    method: 'GET',
    path: '/agent/v1/gateways',
    summary: 'List whom to keep an uplink to, with a ticket that says to gateways which host it is',
    scope: 'host',
    result: json(
      z.object({
        gateways: z.array(z.object({ uplink_url: UplinkUrl })),
        replicas: z
          .array(z.object({ uplink_url: UplinkUrl }))
          .optional()
          .describe('Of the API; each takes a session that was proven just now. Older APIs do not tell.'),
        ticket: z.string().max(500).describe('For `authorization: Bearer`, at gateways only.'),
        expires_at: Timestamp,
      }),
    ),
    errors: [],
  }),
}
