import { z } from 'zod'
import { empty, endpoint, json } from '../../endpoint.ts'
import { PageQuery, pageOf, Uuid } from '../../fields.ts'
import { ApiKey, CreateApiKey, KeyId, NewApiKey } from '../api-keys.ts'

const base = '/v1/admin/keys'

export const keys = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List API keys of all users, the newest first',
    scope: 'admin',
    query: PageQuery.extend({ user: Uuid.optional(), team: Uuid.optional() }),
    result: json(pageOf(ApiKey)),
    errors: [],
  }),
  create: endpoint({
    method: 'POST',
    path: base,
    summary: 'Make an API key for a user',
    scope: 'admin',
    idempotency: 'once',
    body: CreateApiKey.extend({ user_uuid: Uuid }),
    result: json(NewApiKey, 201),
    errors: ['user_not_found'],
  }),
  revoke: endpoint({
    method: 'DELETE',
    path: `${base}/:id`,
    summary: 'Revoke an API key of any user',
    scope: 'admin',
    params: z.object({ id: KeyId }),
    result: empty(),
    errors: ['api_key_not_found'],
  }),
}
