import { randomUUID } from 'node:crypto'
import { api as contract, listEndpoints } from '@gpulab/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { objectKinds } from '../../test/access-objects.ts'
import { callByHand } from '../../test/call-by-hand.ts'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost
let params: { uuid: string }

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
  const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'c' } })
  params = { uuid }
  await host.converge()
})
afterAll(() => api[Symbol.asyncDispose]())

const read = async () =>
  (
    await api.database.sql<{ action: string; detail: string; outcome: string | null }[]>`
      select action, detail, outcome from audit_entries left join audit_outcomes on entry_id = id
      where action = 'exec' order by id`
  ).map(({ action, detail, outcome }) => ({
    action,
    detail: JSON.parse(detail) as unknown,
    outcome: outcome === null ? null : (JSON.parse(outcome) as unknown),
  }))

it('there is one record of a command, before it is run, however often it is asked for', async () => {
  let before: unknown[] = []
  host.onExec = async () => {
    before = await read()
    return { exit_code: 3 }
  }
  const command = ['sh', '-c', 'echo "a\nb" \ud800 \u001b[31m']
  const options = { idempotencyKey: randomUUID() }
  await api.client.exec.run({ params, body: { command } }, options)
  await api.client.exec.run({ params, body: { command } }, options).catch(() => {})
  expect(before).toEqual([{ action: 'exec', detail: { command }, outcome: null }])
  await expect
    .poll(read)
    .toEqual([{ action: 'exec', detail: { command }, outcome: { exit_code: 3, timed_out: false } }])
})

it('a command that failed has the reason, and a long one its beginning', async () => {
  host.onExec = () => Promise.reject(new Error('broken'))
  await expect(
    api.client.exec.run({ params, body: { command: ['echo', 'x'.repeat(100_000)] } }),
  ).rejects.toThrow()
  await expect
    .poll(async () => (await read()).at(-1))
    .toMatchObject({
      detail: {
        command_json_length: 100_011,
        command_json_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      },
      outcome: { error: 'internal' },
    })
})

it.each([
  'update audit_entries set detail = null',
  'delete from audit_outcomes',
  'truncate audit_entries cascade',
])('records stay as they are: %s', async (statement) => {
  await expect(api.database.sql.unsafe(statement)).rejects.toThrow('is append-only')
})

const changing = listEndpoints(contract).filter(({ endpoint }) => endpoint.method !== 'GET')

describe.each(changing)('$name', (row) => {
  it('leaves one record with who, what and outcome', async () => {
    const { path } = row.endpoint
    const kind = objectKinds(api)[path.slice(0, path.indexOf(':'))]
    const id = (await kind?.make(api.client)) ?? ''
    const { items: before } = await api.client.admin.audit.list({ query: { limit: 1 } })
    const answer = await callByHand(api.url, row, { 'api-key': api.apiKey }, id)
    const show = async () => {
      const { items } = await api.client.admin.audit.list({ query: { limit: 20 } })
      return items.filter((entry) => entry.id > (before[0]?.id ?? 0))
    }
    // Of what enters a container that does not run nothing has begun.
    const isBegun = answer.error?.['code'] !== 'container_not_running'
    await expect.poll(async () => (await show()).every(({ outcome }) => outcome !== null)).toBe(true)
    const entries = await show()
    expect(entries).toHaveLength(isBegun ? 1 : 0)
    for (const entry of entries) {
      expect(entry).toMatchObject({
        email: 'ann@example.com',
        key_id: api.apiKey.split('_')[1],
        outcome: answer.status < 400 ? { ok: true } : { error: answer.error?.['code'] },
        ...(id !== '' && { object: id }),
      })
    }
  })
})

describe('the records', () => {
  it('hold no secret', async () => {
    const env = { TOKEN: 'a very secret value' }
    const made = await api.client.containers.create({ body: { image: 'x', env } })
    const { items } = await api.client.admin.audit.list({ query: { action: 'containers.create', limit: 1 } })
    expect(items[0]).toMatchObject({ detail: { image: 'x', env: { TOKEN: '********' } } })
    await expect
      .poll(
        async () =>
          (await api.client.admin.audit.list({ query: { action: 'containers.create', limit: 1 } })).items[0]
            ?.outcome,
      )
      .toEqual({ ok: true, uuid: made.uuid })
    const all = await api.database.sql`select detail from audit_entries`
    expect(JSON.stringify(all)).not.toContain(env.TOKEN)
  })

  it('tell of what was made under its uuid, too', async () => {
    const { uuid: made } = await api.client.containers.create({ body: { image: 'x' } })
    await api.client.containers.remove({ params: { uuid: made } })
    const life = async () => (await api.client.admin.audit.list({ query: { object: made, limit: 9 } })).items
    await expect
      .poll(async () => (await life()).map(({ action, object }) => [action, object]))
      .toEqual([
        ['containers.remove', made],
        ['containers.create', made],
      ])
  })

  it('are found by team, user, key, action, object and time, and come in pages', async () => {
    const { team, user } = await api.client.account.get()
    await api.stranger.containers.create({ body: { image: 'x' } })
    const all = (await api.client.admin.audit.list({ query: { limit: 200 } })).items
    const find = async (query: Record<string, string>) =>
      (await api.client.admin.audit.list({ query: { limit: 200, ...query } })).items.map(({ id }) => id)
    const expected = (test: (entry: (typeof all)[number]) => boolean) => all.filter(test).map(({ id }) => id)
    const [sample] = all.filter(({ object }) => object !== null)
    expect(await find({ team: team.uuid })).toEqual(expected((entry) => entry.team_uuid === team.uuid))
    expect(await find({ user: user.uuid })).toEqual(expected((entry) => entry.user_uuid === user.uuid))
    expect(await find({ key: all[0]?.key_id ?? '' })).toEqual(
      expected(({ key_id: key }) => key === all[0]?.key_id),
    )
    expect(await find({ action: 'containers.*' })).toEqual(
      expected(({ action }) => action.startsWith('containers.')),
    )
    expect(await find({ action: 'admin.teams.create' })).toEqual(
      expected(({ action }) => action === 'admin.teams.create'),
    )
    expect(await find({ object: sample?.object ?? '' })).toEqual(
      expected(({ object }) => object === sample?.object),
    )
    const { at } = all[Math.floor(all.length / 2)] ?? { at: '' }
    expect([...(await find({ from: at })), ...(await find({ to: at }))]).toEqual(expected(() => true))
    const paged: number[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await api.client.admin.audit.list({ query: { limit: 7, ...(cursor && { cursor }) } })
      paged.push(...page.items.map(({ id }) => id))
      cursor = page.next_cursor
    }
    expect(paged).toEqual(expected(() => true))
    const exported: number[] = []
    for await (const entry of await api.client.admin.audit.export({})) exported.push(entry.id)
    expect(exported).toEqual(paged.toReversed())
  })
})
