import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import { PageQuery, pageOf, text, Timestamp } from '../fields.ts'

const Registry = text(255).describe('As images name it: `ghcr.io`, `registry.example.com:5000`, `docker.io`.')

export const RegistryLogin = z
  .object({
    registry: Registry,
    username: z.string(),
    updated_at: Timestamp,
  })
  .meta({ id: 'RegistryLogin' })
export type RegistryLogin = z.infer<typeof RegistryLogin>

const path = '/v1/registries'

export const registries = {
  list: endpoint({
    method: 'GET',
    path,
    summary: 'List the registries that the team is logged in to',
    scope: 'read',
    query: PageQuery,
    result: json(pageOf(RegistryLogin)),
    errors: [],
  }),
  login: endpoint({
    method: 'PUT',
    path,
    summary: 'Log the team in to a registry, for its private images; an earlier login is replaced',
    scope: 'write',
    body: z.object({
      registry: Registry,
      username: text(255),
      password: text(16_384).describe('Or a token. It is stored encrypted and never shown.'),
    }),
    result: json(RegistryLogin),
    errors: [],
  }),
  logout: endpoint({
    method: 'DELETE',
    path: `${path}/:registry`,
    summary: 'Forget a login; containers stay',
    scope: 'write',
    params: z.object({ registry: Registry }),
    result: empty(),
    errors: ['registry_login_not_found'],
  }),
}
