import { GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi

beforeAll(async () => {
  // A fiftieth: exec 2 a second and 40 at once, deploy 10 at once, the rest 200, of failed logins 1.
  api = await startTestApi({ rateFactor: 0.02 })
})
afterAll(() => api[Symbol.asyncDispose]())

const makeKey = async (name: string) => (await api.client.apiKeys.create({ body: { name } })).key

/** How many of the calls were let through. */
async function countPassed(calls: readonly (() => Promise<unknown>)[]): Promise<number> {
  const outcomes = await Promise.all(
    calls.map((call) =>
      call().then(
        () => 'passed',
        (error: unknown) => (error instanceof GpulabError ? error.code : 'thrown'),
      ),
    ),
  )
  return outcomes.filter((outcome) => outcome !== 'rate_limited').length
}

describe('what one key may ask for', () => {
  it('is the same however many APIs it asks, and comes back with time', async () => {
    const key = await makeKey('busy')
    const params = { uuid: '00000000-0000-4000-8000-000000000000' }
    const clients = [api.clientWith(key), await api.startReplica(key)]
    // Of what is not there: it counts all the same. Commands would also be limited in how many run at a time.
    const calls = Array.from(
      { length: 100 },
      (_, n) => () => clients[n % 2]?.sessions.create({ params, body: { command: 'x' } }) ?? Promise.reject(),
    )
    expect(await countPassed(calls)).toBe(40)
    expect(await countPassed(calls.slice(0, 2))).toBe(0)
    // The rest is counted apart.
    expect((await clients[0]?.account.get())?.api_key.name).toBe('busy')
    api.clock.advance(3000)
    // The replica has noted for how long there is nothing to be had.
    await expect.poll(() => countPassed(calls), { interval: 600 }).toBe(6)
  })

  it('is shown, and so is when to come again', async () => {
    const headers = { 'api-key': await makeKey('shown'), 'content-type': 'application/json' }
    const transport = createHttpTransport({ url: api.url })
    const deploy = async () => {
      const response = await transport.request({
        method: 'POST',
        path: '/v1/containers',
        headers,
        body: '{}',
      })
      let text = ''
      for await (const chunk of response.body) text += Buffer.from(chunk).toString()
      return { ...response, text }
    }
    const first = await deploy()
    expect(first.headers).toMatchObject({ 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '9' })
    for (let n = 0; n < 9; n++) expect((await deploy()).status).toBe(400)
    const refused = await deploy()
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '5' } })
    expect(JSON.parse(refused.text)).toMatchObject({
      error: { code: 'rate_limited', retryable: true, details: { retry_after: 5 } },
    })
  })

  it('is no more for a user who makes many keys', async () => {
    const keys = await Promise.all(Array.from({ length: 6 }, (_, n) => makeKey(`many-${n}`)))
    const clients = keys.map((key) => api.clientWith(key))
    const params = { uuid: '00000000-0000-4000-8000-000000000000' }
    const calls = clients.flatMap((client) =>
      Array.from({ length: 30 }, () => () => client.exec.run({ params, body: { command: 'x' } })),
    )
    // Twice what a key may, of which the keys above have used some.
    const passed = await countPassed(calls)
    expect(passed).toBeGreaterThan(0)
    expect(passed).toBeLessThanOrEqual(80)
  })
})

it('a bad key hears nothing but that after too many, and shuts out no good one', async () => {
  const bad = api.clientWith(`gpulab_Abcd1234_${'x'.repeat(32)}`)
  const outcomes = []
  for (let n = 0; n < 4; n++) {
    outcomes.push(await bad.account.get().catch((error: unknown) => (error as GpulabError).code))
  }
  expect(outcomes).toEqual(['api_key_invalid', 'rate_limited', 'rate_limited', 'rate_limited'])
  expect((await api.client.account.get()).team.name).toBe('red')
})

it('buckets that are full again are forgotten', async () => {
  const count = async () => (await api.database.sql`select 1 from rate_buckets`).length
  expect(await count()).toBeGreaterThan(0)
  api.clock.advance(3600_000)
  await api.sweep()
  expect(await count()).toBe(0)
})
