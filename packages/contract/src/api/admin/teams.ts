import { z } from 'zod'
import { endpoint, json } from '../../endpoint.ts'
import { Name, PageQuery, pageOf, text, Timestamp, Uuid } from '../../fields.ts'

export const Team = z
  .object({ uuid: Uuid, name: z.string(), users: z.int(), created_at: Timestamp })
  .meta({ id: 'Team' })
export type Team = z.infer<typeof Team>

const base = '/v1/admin/teams'

export const teams = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List teams by name',
    scope: 'admin',
    query: PageQuery.extend({ name: text(63).optional().describe('Exact name.') }),
    result: json(pageOf(Team)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${base}/:uuid`,
    summary: 'Show a team',
    scope: 'admin',
    params: z.object({ uuid: Uuid }),
    result: json(Team),
    errors: ['team_not_found'],
  }),
  create: endpoint({
    method: 'POST',
    path: base,
    summary: 'Make a team',
    scope: 'admin',
    idempotency: 'replay',
    body: z.object({ name: Name }),
    result: json(Team, 201),
    errors: ['team_name_taken'],
  }),
}
