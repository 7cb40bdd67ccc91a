import { z } from 'zod'
import { endpoint, events as eventStream } from '../endpoint.ts'
import { Flag, Timestamp, Uuid } from '../fields.ts'

export const Event = z
  .object({
    cursor: z.string().describe('Go on after it with `cursor`, at the same endpoint.'),
    at: Timestamp,
    container_uuid: Uuid,
    type: z.string().describe('`status`, `deploy_log` or `billing`; more may come.'),
    status: z.string().nullable().describe('The new status, of a `status` event.'),
    reason: z.string().nullable(),
    message: z.string(),
  })
  .meta({ id: 'Event' })
export type Event = z.infer<typeof Event>

export const events = {
  ofContainer: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/events',
    summary: "Read or follow a container's events",
    scope: 'read',
    params: z.object({ uuid: Uuid }),
    query: z.object({
      follow: Flag.default(false).describe('Go on until the container is deleted.'),
      cursor: z.string().max(200).optional(),
    }),
    result: eventStream(Event),
    errors: ['container_not_found'],
  }),
  ofTeam: endpoint({
    method: 'GET',
    path: '/v1/events',
    summary: "Read or follow the events of all of the team's containers",
    scope: 'read',
    query: z.object({
      follow: Flag.default(false).describe('Go on for ever.'),
      cursor: z
        .string()
        .max(200)
        .optional()
        .describe('Go on after the event that carried it; `now`: only what comes. Without it: all there is.'),
      type: z.enum(['status', 'deploy_log', 'billing']).optional(),
    }),
    result: eventStream(Event),
    errors: [],
  }),
}
