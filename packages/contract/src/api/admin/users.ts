import { z } from 'zod'
import { roles } from '../../access.ts'
import { endpoint, json } from '../../endpoint.ts'
import { Email, PageQuery, pageOf, text, Timestamp, Uuid } from '../../fields.ts'

export const User = z
  .object({
    uuid: Uuid,
    email: z.string(),
    team: z.object({ uuid: Uuid, name: z.string() }),
    role: z.string(),
    administrator: z.boolean().describe('Whether it is of the platform team.'),
    disabled: z.boolean().describe('None of its keys is valid while it is.'),
    created_at: Timestamp,
  })
  .meta({ id: 'User' })
export type User = z.infer<typeof User>

const base = '/v1/admin/users'

export const users = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List users by address',
    scope: 'admin',
    query: PageQuery.extend({
      email: text(254).optional().describe('Exact address.'),
      team: Uuid.optional(),
    }),
    result: json(pageOf(User)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${base}/:uuid`,
    summary: 'Show a user',
    scope: 'admin',
    params: z.object({ uuid: Uuid }),
    result: json(User),
    errors: ['user_not_found'],
  }),
  create: endpoint({
    method: 'POST',
    path: base,
    summary: 'Add a user to a team',
    scope: 'admin',
    idempotency: 'replay',
    body: z.object({
      email: Email,
      team_uuid: Uuid,
      role: z.enum(roles).default('member'),
      administrator: z.boolean().default(false),
    }),
    result: json(User, 201),
    errors: ['user_exists', 'team_not_found'],
  }),
  update: endpoint({
    method: 'PATCH',
    path: `${base}/:uuid`,
    summary: "Change a user's role, make it an administrator, or disable it",
    scope: 'admin',
    params: z.object({ uuid: Uuid }),
    body: z.object({
      role: z.enum(roles).optional(),
      administrator: z.boolean().optional(),
      disabled: z.boolean().optional(),
    }),
    result: json(User),
    errors: ['user_not_found'],
  }),
}
