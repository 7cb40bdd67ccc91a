import { api as contract, empty, hasRole, listEndpoints, requirementOf } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ObjectKind, objectKinds } from '../../test/access-objects.ts'
import { type Answer, callByHand } from '../../test/call-by-hand.ts'
import { connectAs, joinAs } from '../../test/host-identity.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { createKey, hashKey } from './api-keys.ts'

let api: TestApi
let container: { uuid: string }

beforeAll(async () => {
  api = await startTestApi()
  await api.startHost('one')
  container = await api.client.containers.create({ body: { image: 'x' } })
  const { team } = await api.client.account.get()
  for (const role of ['viewer', 'owner'] as const) {
    await api.client.admin.users.create({ body: { email: callers[role], team_uuid: team.uuid, role } })
  }
})
afterAll(() => api[Symbol.asyncDispose]())

const callers = {
  ann: 'ann@example.com',
  viewer: 'viewer@example.com',
  owner: 'owner@example.com',
}

async function keyWith({
  scopes,
  expiresAt = null,
  revokedAt = null,
  user = 'ann',
}: {
  scopes: readonly string[]
  user?: keyof typeof callers
  expiresAt?: Date | null
  revokedAt?: Date | null
}) {
  const { id, key } = createKey()
  await api.database.sql`
    insert into api_keys (id, user_uuid, name, hash, scopes, expires_at, revoked_at)
    select ${id}, uuid, 'test', ${hashKey(api.config.pepper, key)}, ${[...scopes]}, ${expiresAt}, ${revokedAt}
    from users where email = ${callers[user]}`
  return key
}

const endpoints = listEndpoints(contract)
const scopes = ['read', 'write', 'exec', 'admin'] as const
const nowhere = { id: 'Abcd1234', uuid: randomUUID() }

type Row = (typeof endpoints)[number]

const firstParam = ({ endpoint }: Row): string | undefined => Object.keys(endpoint.params?.shape ?? {})[0]

const callOf =
  (row: Row) =>
  (headers: Record<string, string>, id: string = nowhere[firstParam(row) === 'id' ? 'id' : 'uuid']) =>
    callByHand(api.url, row, headers, id)

function kindOf({ path }: Row['endpoint']): ObjectKind {
  const prefix = path.slice(0, path.indexOf(':'))
  const found = objectKinds(api)[prefix]
  if (!found) throw new Error(`Say in test/access-objects.ts what ${prefix} is tried on`)
  return found
}

describe.each(endpoints)('$name', (row) => {
  const { endpoint } = row
  const call = callOf(row)
  const needs = requirementOf(endpoint)

  it('needs a key that is one of ours, lives and was not revoked', async () => {
    const expiresAt = new Date(api.clock.now().getTime() - 1)
    const keys = {
      unknown: createKey().key,
      expired: await keyWith({ scopes, expiresAt }),
      revoked: await keyWith({ scopes, revokedAt: new Date() }),
    }
    expect(await call({})).toMatchObject({ status: 401, error: { code: 'api_key_missing' } })
    for (const key of Object.values(keys)) {
      expect(await call({ 'api-key': key })).toMatchObject({
        status: 401,
        error: { code: 'api_key_invalid' },
      })
    }
  })

  it('needs its scope, and no other', async () => {
    const others = scopes.filter((scope) => scope !== endpoint.scope)
    expect(await call({ 'api-key': await keyWith({ scopes: others }) })).toMatchObject({
      status: 403,
      error: { code: 'scope_missing', details: { scope: endpoint.scope } },
    })
    const only = await call({ 'api-key': await keyWith({ scopes: [endpoint.scope] }) })
    expect([401, 403]).not.toContain(only.status)
  })

  it('is closed to a viewer, and to an owner who is no administrator, unless it is meant for them', async () => {
    for (const user of ['viewer', 'owner'] as const) {
      const may = !needs.isAdministrator && hasRole(user, needs.role ?? 'viewer')
      const answer = await call({ 'api-key': await keyWith({ scopes, user }) })
      if (may) expect([401, 403]).not.toContain(answer.status)
      else expect(answer).toMatchObject({ status: 403, error: { code: 'role_missing' } })
    }
  })
})

describe.each(endpoints.filter((row) => firstParam(row) !== undefined))('$name', (row) => {
  const call = callOf(row)

  it('hides what is not yours: the answer is the one for what is not there', async () => {
    const { make, missing, isShared } = kindOf(row.endpoint)
    const there = isShared ? undefined : await make(api.stranger)
    const absent = missing()
    const gone = await call({ 'api-key': api.apiKey }, absent)
    expect(gone.status).toBe(404)
    if (there === undefined) return
    const foreign = await call({ authorization: `Bearer ${api.apiKey}` }, there)
    const same = ({ text, error }: Answer, id: string) =>
      text.replaceAll(id, '').replaceAll(String(error?.['request_id']), '')
    expect(foreign.status).toBe(404)
    expect(same(foreign, there)).toBe(same(gone, absent))
  })

  it('finds what is yours', async () => {
    const id = await kindOf(row.endpoint).make(api.client)
    const answer = await call({ 'api-key': api.apiKey }, id)
    const missed = await call({ 'api-key': api.apiKey }, kindOf(row.endpoint).missing())
    expect([401, 403]).not.toContain(answer.status)
    expect(answer.error?.['code']).not.toBe(missed.error?.['code'])
  })
})

it.each(endpoints.filter(({ endpoint }) => endpoint.path.startsWith('/v1/containers/:uuid')))(
  '$name takes full uuids only',
  async (row) => {
    const answer = await callByHand(api.url, row, { 'api-key': api.apiKey }, container.uuid.slice(0, 8))
    expect(answer).toMatchObject({ status: 400, error: { code: 'invalid_request' } })
  },
)

async function get(path: `/${string}`, headers: Record<string, string>) {
  const endpoint = { method: 'GET', path, summary: '', scope: 'read', result: empty(), errors: [] } as const
  const { status, error } = await callByHand(api.url, { name: '', endpoint }, headers, '')
  return { status, body: { error } }
}

describe('a key', () => {
  it('shows its owner in either header', async () => {
    expect(await api.client.account.get()).toMatchObject({
      user: { email: 'ann@example.com' },
      team: { name: 'red' },
      api_key: { name: 'bootstrap' },
    })
    expect((await get('/v1/account', { authorization: `Bearer ${api.apiKey}` })).status).toBe(200)
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
    for (const wrong of [token, session]) {
      expect(await get('/v1/account', { authorization: `Bearer ${wrong}` })).toMatchObject({
        status: 401,
        body: { error: { code: 'api_key_invalid' } },
      })
    }
    for (const wrong of [token, api.apiKey]) {
      expect(await get('/agent/v1/target', { authorization: `Bearer ${wrong}` })).toMatchObject({
        status: 401,
        body: { error: { code: 'host_session_invalid' } },
      })
    }
  })
})
