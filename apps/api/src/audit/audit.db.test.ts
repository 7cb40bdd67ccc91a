import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
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
      select action, detail, outcome from audit_entries left join audit_outcomes on entry_id = id order by id`
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
