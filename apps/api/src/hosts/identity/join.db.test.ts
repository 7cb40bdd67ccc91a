import { api as contract, control, createClient, GpulabError, toProofText } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectAs, createTestKeys, joinAs, type TestKeys } from '../../../test/host-identity.ts'
import { startTestApi, type TestApi } from '../../../test/start-test-api.ts'

let api: TestApi
const transport = () => createHttpTransport({ url: api.url })
const agents = () => createClient(control, transport())

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api[Symbol.asyncDispose]())

type Invitation = NonNullable<NonNullable<Parameters<TestApi['client']['hosts']['invite']>[0]>['body']>
const invite = async (body: Invitation = {}) => (await api.client.hosts.invite({ body })).token
const join = async (name: string, token: string, keys?: TestKeys) =>
  joinAs(transport(), { name, token, ...(keys && { keys }) })
const outcomeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error instanceof GpulabError ? error.code : String(error)),
  )
const usesLeft = async (token: string) => {
  const [row] = await api.database
    .sql`select uses_left from join_tokens where id = ${token.split('_')[1] ?? ''}`
  return row?.['uses_left'] as number
}
const hostsNamed = async (name: string) =>
  Number((await api.database.sql`select count(*) from hosts where name = ${name}`)[0]?.['count'])

/** A host of before there were keys. */
const insertOldHost = (name: string) =>
  api.database.sql`
    insert into hosts (name, public_key, joined_at, state_since) values (${name}, '', now(), now()) returning uuid`

describe('an invitation', () => {
  it('is shown once, and stored as a hash', async () => {
    const invited = await api.client.hosts.invite({ body: { host_name: 'shown', ttl: 600 } })
    expect(invited).toMatchObject({ host_name: 'shown', uses: 1 })
    expect(invited.token).toMatch(/^gpulabjoin_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}$/)
    expect(new Date(invited.expires_at).getTime()).toBe(api.clock.now().getTime() + 600_000)
    const rows = await api.database.sql`select row_to_json(t)::text as text, created_by from join_tokens t`
    expect(rows.some(({ text }) => (text as string).includes(invited.token.slice(-32)))).toBe(false)
    expect(rows.at(-1)?.['created_by']).toEqual(expect.any(String))
  })

  it.each([
    { ttl: 59 },
    { ttl: 86_401 },
    { uses: 0 },
    { uses: 1001 },
    { host_name: 'x', uses: 2 },
    { host_name: '/' },
  ])('for %j is refused', async (body) => expect(await outcomeOf(invite(body))).toBe('invalid_request'))

  it('is made once for one idempotency key', async () => {
    const headers = { authorization: `Bearer ${api.apiKey}`, 'idempotency-key': randomUUID() }
    const { hosts } = createClient(contract, transport(), { headers })
    const count = async () => Number((await api.database.sql`select count(*) from join_tokens`)[0]?.['count'])
    const before = await count()
    const attempts = [1, 2, 3].map(() => outcomeOf(hosts.invite({ body: {} })))
    expect((await Promise.all(attempts)).toSorted()).toEqual([
      'done',
      'idempotency_replayed',
      'idempotency_replayed',
    ])
    expect(await count()).toBe(before + 1)
  })

  it('forgets those that expired long ago', async () => {
    const old = await invite({ ttl: 60 })
    await api.database
      .sql`update join_tokens set expires_at = now() - interval '8 days' where id = ${old.split('_')[1] ?? ''}`
    await invite()
    expect(await usesLeft(old)).toBeUndefined()
  })
})

describe('a machine with a token', () => {
  it('becomes a host under its own name, or under the name that the token gives', async () => {
    const one = await join('one', await invite())
    expect(one.name).toBe('one')
    const other = await join('own-name', await invite({ host_name: 'two' }))
    expect(other.name).toBe('two')
    expect(await hostsNamed('own-name')).toBe(0)
    expect((await api.client.hosts.get({ params: one })).state).toBe('joined')
    const events = await api.database.sql`select type from host_events where host_uuid = ${one.uuid}`
    expect(events).toMatchObject([{ type: 'joined' }])
  })

  it('may ask again with the same key, since the answer may have been lost', async () => {
    const [keys, token] = [createTestKeys(), await invite()]
    const first = await join('again', token, keys)
    expect(await usesLeft(token)).toBe(0)
    expect(await join('again', token, keys)).toEqual(first)
    expect(await hostsNamed('again')).toBe(1)
    expect(await outcomeOf(join('again-other', token, keys))).toBe('join_token_invalid')
  })

  it('is exactly one of fifty that try a single-use token at once', async () => {
    const token = await invite()
    const attempts = Array.from({ length: 50 }, (_, n) => outcomeOf(join(`racer-${n}`, token)))
    const outcomes = await Promise.all(attempts)
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(['done', 'join_token_invalid', 'rate_limited']))
    const [row] = await api.database.sql`select count(*) from hosts where name like 'racer-%'`
    expect(row?.['count']).toBe('1')
    expect(await usesLeft(token)).toBe(0)
  })

  it('is one of as many as the token has uses', async () => {
    api.clock.advance(61_000)
    const token = await invite({ uses: 3 })
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, n) => outcomeOf(join(`many-${n}`, token))),
    )
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(3)
  })

  it('cannot take the name of a host, whichever of two comes first', async () => {
    const token = await invite({ uses: 20 })
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(join('wanted', token))))
    expect(outcomes.toSorted()).toEqual(['done', ...Array.from({ length: 9 }, () => 'host_name_taken')])
    expect(await usesLeft(token)).toBe(19)
    await insertOldHost('of-before')
    expect(await outcomeOf(join('of-before', token))).toBe('host_name_taken')
    expect(await usesLeft(token)).toBe(19)
  })

  it('of that name takes up the host of before, and a host again that was set up anew', async () => {
    const [old] = await insertOldHost('re-made')
    const first = await join('x', await invite({ host_name: 're-made' }))
    expect(first.uuid).toBe(old?.['uuid'])
    const second = await join('x', await invite({ host_name: 're-made' }))
    expect(second.uuid).toBe(first.uuid)
    expect(await outcomeOf(connectAs(transport(), first))).toBe('host_proof_invalid')
    expect(await outcomeOf(connectAs(transport(), second))).toBe('done')
    const events = await api.database.sql`select type from host_events where host_uuid = ${first.uuid}`
    expect(events.map(({ type }) => type as string)).toEqual(['rejoined', 'rejoined'])
  })

  it('gets no host that is connected, and leaves the token for when it is not', async () => {
    const living = await api.startHost('living')
    const token = await invite({ host_name: 'living' })
    await expect(join('x', token)).rejects.toMatchObject({
      code: 'host_wrong_state',
      message: expect.stringContaining('Host living is connected'),
    })
    await living.report()
    expect(await usesLeft(token)).toBe(1)
    api.clock.advance(46_000)
    expect(await outcomeOf(join('x', token))).toBe('done')
    expect(await outcomeOf(living.report())).toBe('host_proof_invalid')
  })

  it('may take the name of a host that was removed', async () => {
    const removed = await join('removed', await invite())
    await api.client.hosts.remove({ params: { uuid: removed.uuid } })
    const next = await join('removed', await invite())
    expect(next.uuid).not.toBe(removed.uuid)
  })
})

describe('a join is refused, and uses nothing up,', () => {
  it('with a token that is none, is another, has expired or is used up', async () => {
    api.clock.advance(61_000)
    const token = await invite({ ttl: 60 })
    const last = token.at(-1) === 'x' ? 'y' : 'x'
    for (const wrong of [
      '',
      'x',
      api.apiKey,
      token.slice(0, -1) + last,
      `gpulabjoin_00000000_${'x'.repeat(32)}`,
    ]) {
      expect(await outcomeOf(join('refused', wrong))).toBe('join_token_invalid')
    }
    api.clock.advance(60_000)
    await expect(join('refused', token)).rejects.toThrow(/expired/)
    expect(await usesLeft(token)).toBe(1)
    expect(await hostsNamed('refused')).toBe(0)
  })

  it("with another machine's key", async () => {
    const [mine, token] = [createTestKeys(), await invite()]
    const stolen = { ...mine, publicKey: createTestKeys().publicKey }
    expect(await outcomeOf(join('thief', token, stolen))).toBe('host_proof_invalid')
    expect(await usesLeft(token)).toBe(1)
  })

  it.each(['', 'AA', 'A'.repeat(43), 'A'.repeat(100), '_'.repeat(43)])(
    'with the key %j',
    async (publicKey) => {
      api.clock.advance(61_000)
      const token = await invite()
      const outcome = await outcomeOf(join('odd', token, { ...createTestKeys(), publicKey }))
      expect(['host_proof_invalid', 'invalid_request']).toContain(outcome)
      expect(await usesLeft(token)).toBe(1)
    },
  )

  it('with a challenge that is old or not ours, or a signature made to connect', async () => {
    api.clock.advance(61_000)
    const [keys, token] = [createTestKeys(), await invite()]
    const { challenge } = await agents().join.challenge()
    const attempt = (changes: { challenge?: string; signature?: string }) =>
      outcomeOf(
        agents().join.join({
          body: {
            token,
            name: 'late',
            public_key: keys.publicKey,
            challenge,
            signature: keys.sign(toProofText('join', changes.challenge ?? challenge, keys.publicKey)),
            ...changes,
          },
        }),
      )
    const toConnect = keys.sign(toProofText('connect', challenge, keys.publicKey))
    expect(await attempt({ signature: toConnect })).toBe('host_proof_invalid')
    expect(await attempt({ challenge: 'A'.repeat(75) })).toBe('host_proof_invalid')
    api.clock.advance(60_001)
    expect(await attempt({})).toBe('host_proof_invalid')
    expect(await usesLeft(token)).toBe(1)
  })

  it('with a name that is none, or more than anybody needs to send', async () => {
    expect(await outcomeOf(join('../x', await invite()))).toBe('invalid_request')
    const { status } = await transport().request({
      method: 'POST',
      path: '/agent/v1/join',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'x'.repeat(20_000) }),
    })
    expect(status).toBe(413)
  })
})

describe('a host', () => {
  it('proves its key and gets a session that ends', async () => {
    const host = await api.startHost('session')
    const token = await connectAs(transport(), await join('session-2', await invite()))
    const pull = () =>
      createClient(control, transport(), { headers: { authorization: `Bearer ${token}` } }).report.hello({
        body: helloBody(),
      })
    await pull()
    api.clock.advance(15 * 60_000 - 1)
    await pull()
    api.clock.advance(1)
    expect(await outcomeOf(pull())).toBe('host_session_invalid')
    // An agent proves its key again and goes on.
    await host.hello()
  })

  it('is not taken for another, nor its answer twice', async () => {
    api.clock.advance(61_000)
    const [one, other] = [await join('a', await invite()), await join('b', await invite())]
    expect(await outcomeOf(connectAs(transport(), { uuid: other.uuid, keys: one.keys }))).toBe(
      'host_proof_invalid',
    )
    expect(await outcomeOf(connectAs(transport(), { uuid: randomUUID(), keys: one.keys }))).toBe(
      'host_proof_invalid',
    )
    const { challenge } = await agents().join.challenge()
    const signature = one.keys.sign(toProofText('connect', challenge, one.uuid))
    const body = { host_uuid: one.uuid, challenge, signature }
    const attempts = await Promise.all([1, 2, 3].map(() => outcomeOf(agents().join.connect({ body }))))
    expect(attempts.toSorted()).toEqual(['done', 'host_proof_invalid', 'host_proof_invalid'])
    expect(await outcomeOf(agents().join.connect({ body: { ...body, host_uuid: other.uuid } }))).toBe(
      'host_proof_invalid',
    )
  })

  it('of before there were keys proves nothing', async () => {
    const [row] = await insertOldHost('keyless')
    const identity = { uuid: row?.['uuid'] as string, keys: createTestKeys() }
    expect(await outcomeOf(connectAs(transport(), identity))).toBe('host_proof_invalid')
  })

  it('that was removed is refused at once, its uplink included', async () => {
    const host = await api.startHost('leaver')
    const uuid = (await host.hello()).host_uuid
    expect(await outcomeOf(api.uplinks.to(uuid).health())).toBe('done')
    await api.client.hosts.remove({ params: { uuid } })
    expect(await outcomeOf(host.hello())).toBe('host_proof_invalid')
    await host.uplinkEnded
    expect(() => api.uplinks.to(uuid)).toThrow(/./)
  })

  it('whose name was given to another machine is refused at once, its uplink and its long poll included', async () => {
    const old = await api.startHost('moved')
    const { host_uuid: uuid } = await old.hello()
    await old.pull()
    const waiting = outcomeOf(old.control.target.get({ query: { after: old.target.version } }))
    api.clock.advance(46_000)
    const next = await join('x', await invite({ host_name: 'moved' }))
    await old.uplinkEnded
    for (const attempt of [() => old.hello(), () => old.report(), () => old.pull(), () => old.dial()]) {
      expect(await outcomeOf(attempt())).toBe('host_proof_invalid')
    }
    await api.database.sql`select pg_notify('gpulab_target', ${uuid})`
    expect(await waiting).toBe('host_proof_invalid')
    expect(await outcomeOf(connectAs(transport(), next))).toBe('done')
  })

  it('dials with a session of these minutes only', async () => {
    const host = await api.startHost('dialler')
    const early = host.connect()
    await early
    api.clock.advance(120_000)
    expect(await outcomeOf(host.dial(await early))).toBe('host_session_invalid')
    await host.dial()
  })
})

describe('who fails too often', () => {
  it('hears nothing more, and shuts out nobody else of the same address', async () => {
    api.clock.advance(61_000)
    const good = await join('good', await invite())
    const bad = { uuid: good.uuid, keys: createTestKeys() }
    const outcomes = []
    for (let n = 0; n < 25; n++) outcomes.push(await outcomeOf(connectAs(transport(), bad)))
    expect(outcomes.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 'host_proof_invalid'))
    expect(outcomes.slice(20)).toEqual(Array.from({ length: 5 }, () => 'rate_limited'))
    expect(await outcomeOf(connectAs(transport(), good))).toBe('done')
    api.clock.advance(61_000)
    expect(await outcomeOf(connectAs(transport(), bad))).toBe('host_proof_invalid')
  })
})

const helloBody = () => ({
  boot_id: randomUUID(),
  agent_version: 'test',
  cpus: 1,
  memory_bytes: 1,
  disk_bytes: 1,
  gpus: [],
  images: [],
  deploy_timeout: 900,
  volumes: [],
  checks: [],
  engine: { available: true, version: null, message: null },
})
