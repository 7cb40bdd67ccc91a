import { expect, it } from 'vitest'
import { toCallName } from './call-name.ts'

it.each([
  ['GET', '/version?', 'GET /version'],
  ['GET', '/containers/json?all=true', 'GET /containers/json'],
  ['POST', '/containers/create?name=x', 'POST /containers/create'],
  ['POST', '/containers/gpulab-1-g1/start?', 'POST /containers/:id/start'],
  ['DELETE', '/containers/0123?force=true', 'DELETE /containers/:id'],
  ['GET', '/images/registry.lan:5000/team/model:v1/json?', 'GET /images/:id/json'],
  ['POST', '/images/create?fromImage=x', 'POST /images/create'],
  ['GET', '/containers/a/secret-of-a-tenant', 'GET /containers/:id'],
  ['GET', '/anything/else', 'GET other'],
])('%s %s is %s', (method, path, name) => expect(toCallName(method, path)).toBe(name))
