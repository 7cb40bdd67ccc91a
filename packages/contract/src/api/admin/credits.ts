import { z } from 'zod'
import { endpoint, json } from '../../endpoint.ts'
import { Amount, PageQuery, pageOf, text, Timestamp, Uuid } from '../../fields.ts'

export const Credit = z
  .object({
    id: z.int(),
    at: Timestamp,
    amount: z.string().describe('Decimal; below zero where it was taken away.'),
    note: z.string(),
  })
  .meta({ id: 'Credit' })
export type Credit = z.infer<typeof Credit>

const path = '/v1/admin/teams/:uuid/credits'
const params = z.object({ uuid: Uuid })

export const credits = {
  list: endpoint({
    method: 'GET',
    path,
    summary: "List a team's credits, the newest first, with its balance",
    scope: 'admin',
    params,
    query: PageQuery,
    result: json(pageOf(Credit).extend({ balance: z.string(), currency: z.string() })),
    errors: ['team_not_found'],
  }),
  add: endpoint({
    method: 'POST',
    path,
    summary: 'Give a team credit, or take it away',
    scope: 'admin',
    idempotency: 'once',
    params,
    body: z.object({ amount: Amount, note: text(500).default('') }),
    result: json(Credit, 201),
    errors: ['team_not_found'],
  }),
}
