import { z } from 'zod'
import { keyScopes } from '../access.ts'
import { empty, endpoint, json } from '../endpoint.ts'
import { Name, PageQuery, pageOf, Timestamp, Uuid } from '../fields.ts'

export const ApiKey = z
  .object({
    id: z.string().describe('The public part of the key.'),
    name: z.string(),
    user: z.object({ uuid: Uuid, email: z.string() }),
    scopes: z.array(z.string()),
    status: z.string().describe('`active`, `expired`, `revoked`, or `disabled` with its user.'),
    created_at: Timestamp,
    expires_at: Timestamp.nullable(),
    last_used_at: Timestamp.nullable().describe('To a minute.'),
  })
  .meta({ id: 'ApiKey' })
export type ApiKey = z.infer<typeof ApiKey>

export const NewApiKey = ApiKey.extend({ key: z.string().describe('Shown only now.') }).meta({
  id: 'NewApiKey',
})
export type NewApiKey = z.infer<typeof NewApiKey>

const yearSeconds = 366 * 86_400

export const CreateApiKey = z.object({
  name: Name.describe('What it is for.'),
  scopes: z.array(z.enum(keyScopes)).min(1).max(keyScopes.length).optional(),
  expires_in: z
    .int()
    .min(60)
    .max(10 * yearSeconds)
    .optional()
    .describe('Seconds; never when left out.'),
})

export const KeyId = z.string().regex(/^[0-9A-Za-z]{8}$/, 'the 8 characters after `gpulab_`')

export const apiKeys = {
  list: endpoint({
    method: 'GET',
    path: '/v1/api-keys',
    summary: "List one's own API keys, the newest first; an owner's list has all of the team's",
    scope: 'read',
    query: PageQuery,
    result: json(pageOf(ApiKey)),
    errors: [],
  }),
  create: endpoint({
    method: 'POST',
    path: '/v1/api-keys',
    summary: 'Make an API key that may do no more, and lives no longer, than the one that makes it',
    scope: 'write',
    role: 'viewer',
    idempotency: 'once',
    body: CreateApiKey,
    result: json(NewApiKey, 201),
    errors: [],
  }),
  revoke: endpoint({
    method: 'DELETE',
    path: '/v1/api-keys/:id',
    summary: "Revoke an API key of one's own; an owner revokes any of the team's",
    scope: 'write',
    role: 'viewer',
    params: z.object({ id: KeyId }),
    result: empty(),
    errors: ['api_key_not_found'],
  }),
}
