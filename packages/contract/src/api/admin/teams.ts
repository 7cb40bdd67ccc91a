import { z } from 'zod'
import { endpoint, json } from '../../endpoint.ts'
import { Name, PageQuery, pageOf, text, Timestamp, Uuid } from '../../fields.ts'

const limit = (what: string) => z.int().min(0).nullable().describe(`${what}; null: no limit.`)

export const Quotas = z
  .object({
    gpus: limit('GPUs that containers hold or wait for'),
    containers: limit('Containers, stopped ones included'),
    volumes: limit('Volumes'),
    volume_bytes: limit('Size of all volumes together'),
    sessions: limit('Sessions at a time'),
  })
  .meta({ id: 'Quotas' })
export type Quotas = z.infer<typeof Quotas>

export const Team = z
  .object({
    uuid: Uuid,
    name: z.string(),
    users: z.int(),
    quotas: Quotas,
    prepaid: z.boolean(),
    created_at: Timestamp,
  })
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
    body: z.object({ name: Name, prepaid: z.boolean().default(false) }),
    result: json(Team, 201),
    errors: ['team_name_taken'],
  }),
  update: endpoint({
    method: 'PATCH',
    path: `${base}/:uuid`,
    summary: 'Let a team pay beforehand, from credits, or afterwards',
    scope: 'admin',
    params: z.object({ uuid: Uuid }),
    body: z.object({ prepaid: z.boolean() }),
    result: json(Team),
    errors: ['team_not_found'],
  }),
  setQuotas: endpoint({
    method: 'PATCH',
    path: `${base}/:uuid/quotas`,
    summary: 'Change what a team may have at a time; limits that are left out stay',
    scope: 'admin',
    params: z.object({ uuid: Uuid }),
    body: Quotas.partial(),
    result: json(Team),
    errors: ['team_not_found'],
  }),
}
