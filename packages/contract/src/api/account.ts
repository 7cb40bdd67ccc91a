import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Timestamp, Uuid } from '../fields.ts'

export const Account = z
  .object({
    user: z.object({
      uuid: Uuid,
      email: z.string(),
      role: z.string().describe('In the team: `owner`, `member` or `viewer`.'),
      administrator: z.boolean().describe('Whether it is of the platform team.'),
    }),
    team: z.object({ uuid: Uuid, name: z.string() }),
    api_key: z.object({
      id: z.string().describe('The public part of the key.'),
      name: z.string(),
      scopes: z.array(z.string()),
      expires_at: Timestamp.nullable(),
    }),
  })
  .meta({ id: 'Account' })
export type Account = z.infer<typeof Account>

export const account = {
  get: endpoint({
    method: 'GET',
    path: '/v1/account',
    summary: 'Show who the API key belongs to',
    scope: 'read',
    result: json(Account),
    errors: [],
  }),
}
