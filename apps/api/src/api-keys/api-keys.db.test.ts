import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const dayS = 86_400

async function addUser(email: string, role: 'owner' | 'member' | 'viewer') {
  const { team } = await api.client.account.get()
  const user = await api.client.admin.users.create({ body: { email, team_uuid: team.uuid, role } })
  const { key } = await api.client.admin.keys.create({ body: { name: 'first', user_uuid: user.uuid } })
  // The order of keys of one moment is nobody's business.
  api.clock.advance(1)
  return { user, client: api.clientWith(key) }
}

describe('a key that a key makes', () => {
  it('may do what was asked for, and is shown once', async () => {
    const made = await api.client.apiKeys.create({ body: { name: 'ci', scopes: ['read'], expires_in: dayS } })
    const client = api.clientWith(made.key)
    expect((await client.account.get()).api_key).toMatchObject({ id: made.id, name: 'ci', scopes: ['read'] })
    await expect(client.containers.create({ body: { image: 'x' } })).rejects.toMatchObject({
      code: 'scope_missing',
    })
    const { items } = await api.client.apiKeys.list({})
    expect(items.find(({ id }) => id === made.id)).toMatchObject({ status: 'active', name: 'ci' })
    expect(JSON.stringify(items)).not.toContain(made.key)
  })

  it('may do no more than it, and dies with it at the latest', async () => {
    const made = await api.client.apiKeys.create({
      body: { name: 'short', scopes: ['read', 'write'], expires_in: dayS },
    })
    const client = api.clientWith(made.key)
    await expect(client.apiKeys.create({ body: { name: 'more', scopes: ['admin'] } })).rejects.toMatchObject({
      code: 'scope_missing',
      details: { scope: 'admin' },
    })
    const same = await client.apiKeys.create({ body: { name: 'same' } })
    expect(same).toMatchObject({ scopes: ['read', 'write'], expires_at: made.expires_at })
    const longer = await client.apiKeys.create({ body: { name: 'longer', expires_in: 9 * dayS } })
    expect(longer.expires_at).toBe(made.expires_at)
  })

  it('is made once for an idempotency key', async () => {
    const client = api.clientWith(api.apiKey, { 'idempotency-key': 'make-a-key' })
    const { id } = await client.apiKeys.create({ body: { name: 'once' } })
    await expect(client.apiKeys.create({ body: { name: 'once' } })).rejects.toMatchObject({
      code: 'idempotency_replayed',
    })
    const named = (await api.client.apiKeys.list({ query: { limit: 200 } })).items.filter(
      ({ name }) => name === 'once',
    )
    expect(named.map((key) => key.id)).toEqual([id])
  })
})

describe('whose keys one sees and revokes', () => {
  it("a member's own, an owner's all of the team, an administrator's all", async () => {
    const { user, client: member } = await addUser('member@example.com', 'member')
    const { client: owner } = await addUser('owner@example.com', 'owner')
    const stranger = await api.stranger.apiKeys.create({ body: { name: 'theirs' } })
    const own = await member.apiKeys.create({ body: { name: 'mine' } })
    expect((await member.apiKeys.list({})).items.map(({ name }) => name)).toEqual(['mine', 'first'])
    const seen = (await owner.apiKeys.list({ query: { limit: 200 } })).items
    expect(seen.some(({ id }) => id === own.id)).toBe(true)
    expect(seen.some(({ id }) => id === stranger.id)).toBe(false)

    const [others] = seen.filter(({ user: { email } }) => email === 'owner@example.com')
    for (const id of [stranger.id, others?.id ?? '']) {
      await expect(member.apiKeys.revoke({ params: { id } })).rejects.toMatchObject({
        code: 'api_key_not_found',
      })
    }
    await owner.apiKeys.revoke({ params: { id: own.id } })
    await expect(api.clientWith(own.key).account.get()).rejects.toMatchObject({ code: 'api_key_invalid' })
    await api.client.admin.keys.revoke({ params: { id: stranger.id } })
    await api.client.admin.keys.revoke({ params: { id: stranger.id } })
    await expect(api.clientWith(stranger.key).account.get()).rejects.toMatchObject({
      code: 'api_key_invalid',
    })
    const { items } = await api.client.admin.keys.list({ query: { user: user.uuid } })
    expect(items.map(({ name, status }) => [name, status])).toEqual([
      ['mine', 'revoked'],
      ['first', 'active'],
    ])
  })

  it('comes in pages, the newest first', async () => {
    for (let n = 0; n < 5; n++) await api.stranger.apiKeys.create({ body: { name: `page-${n}` } })
    const seen: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await api.stranger.apiKeys.list({ query: { limit: 2, ...(cursor && { cursor }) } })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next_cursor
    }
    const all = (await api.stranger.apiKeys.list({ query: { limit: 200 } })).items.map(({ id }) => id)
    expect(seen).toEqual(all)
    expect(new Set(seen).size).toBe(seen.length)
  })
})

it('lets nobody in once a key is revoked, however many ask with it meanwhile', async () => {
  const { key, id } = await api.client.apiKeys.create({ body: { name: 'busy', scopes: ['read'] } })
  const client = api.clientWith(key)
  const over = new AbortController()
  let isRevoked = false
  const outcomes: { readonly begunAfter: boolean; readonly isIn: boolean }[] = []
  const ask = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const begunAfter = isRevoked
      const isIn = await client.account.get().then(
        () => true,
        () => false,
      )
      outcomes.push({ begunAfter, isIn })
    }
  }
  const asking = Array.from({ length: 16 }, ask)
  await expect.poll(() => outcomes.length).toBeGreaterThan(100)
  await api.client.apiKeys.revoke({ params: { id } })
  isRevoked = true
  const since = outcomes.length
  await expect.poll(() => outcomes.length).toBeGreaterThan(since + 100)
  over.abort()
  await Promise.all(asking)
  expect(outcomes.some(({ begunAfter, isIn }) => !begunAfter && isIn)).toBe(true)
  expect(outcomes.filter(({ begunAfter, isIn }) => begunAfter && isIn)).toEqual([])
})

it('tells when a key was last used, to a minute', async () => {
  const { key, id } = await api.client.apiKeys.create({ body: { name: 'used', scopes: ['read'] } })
  const show = async () =>
    (await api.client.apiKeys.list({ query: { limit: 200 } })).items.find((one) => one.id === id)
  expect(await show()).toMatchObject({ last_used_at: null })
  await api.clientWith(key).account.get()
  const first = api.clock.now().toISOString()
  await expect.poll(show).toMatchObject({ last_used_at: first })
  api.clock.advance(61_000)
  await api.clientWith(key).account.get()
  await expect.poll(show).toMatchObject({ last_used_at: api.clock.now().toISOString() })
})

describe('users and teams', () => {
  it('are there once', async () => {
    const team = await api.client.admin.teams.create({ body: { name: 'green' } })
    await expect(api.client.admin.teams.create({ body: { name: 'green' } })).rejects.toMatchObject({
      code: 'team_name_taken',
      exitCode: 5,
    })
    const body = { email: 'Eve@Example.com', team_uuid: team.uuid }
    const user = await api.client.admin.users.create({ body })
    expect(user).toMatchObject({ email: 'eve@example.com', role: 'member', team: { name: 'green' } })
    await expect(
      api.client.admin.users.create({ body: { ...body, email: 'EVE@example.com' } }),
    ).rejects.toMatchObject({ code: 'user_exists' })
    expect((await api.client.admin.users.list({ query: { email: 'eve@example.com' } })).items).toEqual([user])
    expect((await api.client.admin.teams.list({ query: { name: 'green' } })).items[0]?.users).toBe(1)
  })

  it('of whom one is disabled has no valid key until it is enabled again', async () => {
    const { user, client } = await addUser('dan@example.com', 'member')
    const params = { uuid: user.uuid }
    await api.client.admin.users.update({ params, body: { disabled: true } })
    await expect(client.account.get()).rejects.toMatchObject({ code: 'api_key_invalid' })
    await api.client.admin.users.update({ params, body: { disabled: false, role: 'viewer' } })
    expect((await client.account.get()).user.role).toBe('viewer')
    await expect(client.containers.create({ body: { image: 'x' } })).rejects.toMatchObject({
      code: 'role_missing',
    })
  })

  it('lose the powers of administrators at once', async () => {
    const { user } = await addUser('pat@example.com', 'member')
    const params = { uuid: user.uuid }
    await api.client.admin.users.update({ params, body: { administrator: true } })
    const { key } = await api.client.admin.keys.create({
      body: { name: 'ops', user_uuid: user.uuid, scopes: ['read', 'admin'] },
    })
    const pat = api.clientWith(key)
    expect((await pat.hosts.list({})).items).toEqual([])
    await expect(pat.admin.users.update({ params, body: { administrator: false } })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    await api.client.admin.users.update({ params, body: { administrator: false } })
    await expect(pat.hosts.list({})).rejects.toMatchObject({ code: 'role_missing' })
  })
})
