import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Bytes, Timestamp, Uuid } from '../fields.ts'
import { Quotas } from './admin/teams.ts'

const Money = z.string().describe('Decimal.')

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
  .extend({
    quotas: Quotas,
    used: z.object({
      gpus: z.int().describe('That containers hold or wait for.'),
      containers: z.int(),
      volumes: z.int(),
      volume_bytes: Bytes.describe('What they may hold together.'),
    }),
    billing: z.object({
      currency: z.string(),
      prepaid: z.boolean().describe('Whether nothing that costs runs without credit.'),
      balance: Money.describe('Credits less all charges; below zero for a team that is billed afterwards.'),
      month_to_date: Money.describe('Charges since the month began, in UTC.'),
      per_hour: Money.describe('What runs now, in an hour.'),
      exhausted_at: Timestamp.nullable().describe('When the balance of a prepaid team was used up.'),
      stops_at: Timestamp.nullable().describe('When its running containers are stopped for that.'),
    }),
  })
  .meta({ id: 'Account' })
export type Account = z.infer<typeof Account>

export const groupings = ['day', 'container', 'gpu-type'] as const

export const Usage = z
  .object({
    from: Timestamp,
    to: Timestamp,
    currency: z.string(),
    total: Money,
    items: z.array(
      z.object({
        key: z.string().describe('The day in UTC, the uuid of the container, or the GPU type.'),
        name: z.string(),
        gpu_seconds: z.number().describe('Seconds times cards.'),
        charge: Money,
      }),
    ),
  })
  .meta({ id: 'Usage' })
export type Usage = z.infer<typeof Usage>

export const account = {
  usage: endpoint({
    method: 'GET',
    path: '/v1/usage',
    summary: 'Show what the team was charged for',
    scope: 'read',
    query: z.object({
      by: z.enum(groupings).default('day'),
      from: z.iso.datetime().optional().describe('The month of `to` when left out.'),
      to: z.iso.datetime().optional().describe('Now when left out.'),
    }),
    result: json(Usage),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: '/v1/account',
    summary: 'Show who the API key belongs to, what its team has and owes, and its limits',
    scope: 'read',
    result: json(Account),
    errors: [],
  }),
}
