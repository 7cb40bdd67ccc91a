import { z } from 'zod'
import { endpoint, events, json } from '../../endpoint.ts'
import { PageQuery, pageOf, text, Timestamp, Uuid } from '../../fields.ts'

export const AuditEntry = z
  .object({
    id: z.int(),
    at: Timestamp,
    team_uuid: Uuid,
    user_uuid: Uuid,
    email: z.string().nullable().describe('Of the user, if it is still known.'),
    key_id: z.string(),
    request_id: z.string(),
    action: z
      .string()
      .describe('`exec`, `session.create`, `containers.create`, `admin.users.update` and the like.'),
    object: z.string().nullable().describe('The uuid, id or name in the path of the request.'),
    detail: z.unknown().describe('What was asked for; secrets are masked.'),
    outcome: z
      .unknown()
      .describe(
        'What became of it, as `{ "ok": true }` or `{ "error": code }`; null where that was not heard.',
      ),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>

const filters = {
  team: Uuid.optional(),
  user: Uuid.optional(),
  key: text(8).optional().describe('The public part of an API key.'),
  action: text(64).optional().describe('Exact, or with what it begins before a `*`.'),
  object: text(255).optional().describe('Of a container, say, its uuid.'),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
}

export const audit = {
  list: endpoint({
    method: 'GET',
    path: '/v1/admin/audit',
    summary: 'List who asked for what, the newest first',
    scope: 'admin',
    query: PageQuery.extend(filters),
    result: json(pageOf(AuditEntry)),
    errors: [],
  }),
  export: endpoint({
    method: 'GET',
    path: '/v1/admin/audit/export',
    summary: 'Export who asked for what, the oldest first, one a line',
    scope: 'admin',
    query: z.object(filters),
    result: events(AuditEntry),
    errors: [],
  }),
}
