import { api as contract, listEndpoints } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectAs, joinAs } from '../../test/host-identity.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { createKey, hashKey } from './api-keys.ts'

let api: TestApi
let container: { uuid: string }

beforeAll(async () => {
  api = await startTestApi()
  await api.startHost('one')
  container = await api.client.containers.create({ body: { image: 'x' } })
})
afterAll(() => api[Symbol.asyncDispose]())

const objectId = randomUUID()

/** Calls an endpoint by hand, with a body that is valid for those of a container. */
async function call(
  endpoint: { method: string; path: string },
  headers: Record<string, string>,
  uuid = container.uuid,
) {
  const { status, body } = await createHttpTransport({ url: api.url }).request({
    method: endpoint.method,
    path: endpoint.path
      .replace(':uuid', uuid)
      .replace(':id', objectId)
      .replace(':port', '80')
      .replace(':name', 'x'),
    headers: { ...headers, ...(endpoint.method === 'POST' && { 'content-type': 'application/json' }) },
    ...(endpoint.method === 'POST' && {
      body: JSON.stringify({ command: ['true'], image: 'x', signal: 'SIGINT' }),
    }),
  })
  let text = ''
  for await (const chunk of body) text += Buffer.from(chunk).toString()
  return {
    status,
    body:
      text === ''
        ? null
        : (JSON.parse(text.split('\n').find(Boolean) ?? 'null') as { error?: Record<string, unknown> }),
  }
}

async function keyWith({
  scopes,
  expiresAt = null,
  revokedAt = null,
}: {
  scopes: string[]
  expiresAt?: Date | null
  revokedAt?: Date | null
}) {
  const { id, key } = createKey()
  await api.database.sql`
    insert into api_keys (id, user_uuid, name, hash, scopes, expires_at, revoked_at)
    select ${id}, uuid, 'test', ${hashKey(api.config.pepper, key)}, ${scopes}, ${expiresAt}, ${revokedAt}
    from users where email = 'ann@example.com'`
  return key
}

const endpoints = listEndpoints(contract)

describe.each(endpoints)('$name', ({ endpoint }) => {
  it('needs a key', async () => {
    expect(await call(endpoint, {})).toMatchObject({
      status: 401,
      body: { error: { code: 'api_key_missing' } },
    })
    expect(await call(endpoint, { 'api-key': createKey().key })).toMatchObject({
      status: 401,
      body: { error: { code: 'api_key_invalid' } },
    })
  })

  it('needs its scope, and nothing else', async () => {
    const others = ['read', 'write', 'exec', 'admin'].filter((scope) => scope !== endpoint.scope)
    expect(await call(endpoint, { 'api-key': await keyWith({ scopes: others }) })).toMatchObject({
      status: 403,
      body: { error: { code: 'scope_missing', details: { scope: endpoint.scope } } },
    })
  })
})

describe.each(endpoints.filter(({ endpoint }) => endpoint.path.startsWith('/v1/containers/:uuid')))(
  '$name',
  ({ endpoint }) => {
    it('hides what is not yours: the answer is the one for what is not there', async () => {
      const other = await api.stranger.containers.create({ body: { image: 'x' } })
      const missing = randomUUID()
      const headers = { authorization: `Bearer ${api.apiKey}` }
      const [foreign, nowhere] = [
        await call(endpoint, headers, other.uuid),
        await call(endpoint, headers, missing),
      ]
      expect(foreign.status).toBe(404)
      const same = (answer: typeof foreign, uuid: string) =>
        JSON.stringify({ ...answer.body?.error, request_id: '' }).replaceAll(uuid, '')
      expect(same(foreign, other.uuid)).toBe(same(nowhere, missing))
    })

    it('takes full uuids only', async () => {
      const answer = await call(endpoint, { 'api-key': api.apiKey }, container.uuid.slice(0, 8))
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } })
    })
  },
)

describe('a key', () => {
  it('shows its owner in either header', async () => {
    expect(await api.client.account.get()).toMatchObject({
      user: { email: 'ann@example.com' },
      team: { name: 'red' },
      api_key: { name: 'bootstrap' },
    })
    expect(
      (await call({ method: 'GET', path: '/v1/account' }, { authorization: `Bearer ${api.apiKey}` })).status,
    ).toBe(200)
  })

  it('stops working when it expires or is revoked', async () => {
    const expired = await keyWith({ scopes: ['read'], expiresAt: new Date(api.clock.now().getTime() - 1) })
    const revoked = await keyWith({ scopes: ['read'], revokedAt: new Date() })
    for (const key of [expired, revoked]) {
      await expect(api.clientWith(key).account.get()).rejects.toMatchObject({
        code: 'api_key_invalid',
        exitCode: 4,
      })
    }
    const later = await keyWith({ scopes: ['read'], expiresAt: new Date(api.clock.now().getTime() + 60_000) })
    expect((await api.clientWith(later).account.get()).api_key.expires_at).not.toBeNull()
  })

  it('is never stored', async () => {
    const secret = api.apiKey.slice(-32)
    const rows = await api.database.sql`select row_to_json(k)::text as text from api_keys k`
    expect(rows.some(({ text }) => (text as string).includes(secret))).toBe(false)
  })

  it('of a host opens nothing of the users, nor a user key anything of the hosts', async () => {
    const { token } = await api.client.hosts.invite({ body: {} })
    const transport = createHttpTransport({ url: api.url })
    const session = await connectAs(transport, await joinAs(transport, { name: 'two', token }))
    const account = { method: 'GET', path: '/v1/account' }
    const target = { method: 'GET', path: '/agent/v1/target' }
    for (const wrong of [token, session]) {
      expect(await call(account, { authorization: `Bearer ${wrong}` })).toMatchObject({
        status: 401,
        body: { error: { code: 'api_key_invalid' } },
      })
    }
    for (const wrong of [token, api.apiKey]) {
      expect(await call(target, { authorization: `Bearer ${wrong}` })).toMatchObject({
        status: 401,
        body: { error: { code: 'host_session_invalid' } },
      })
    }
  })
})
