import { type Channel, type Control, parseControl } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost
let params: { uuid: string }

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
  params = { uuid: (await api.client.containers.create({ body: { image: 'x' } })).uuid }
  await host.converge()
})
afterAll(() => api[Symbol.asyncDispose]())
// Those that were set before are real.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

/** A key of its own, with a session attached and the container's events followed. */
async function openStreams() {
  const { key, id } = await api.client.apiKeys.create({ body: { name: crypto.randomUUID() } })
  const client = api.clientWith(key)
  const { promise: served, resolve } = Promise.withResolvers<Channel>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  host.sessions.onAttach = async (channel, _query, signal) => {
    signal.addEventListener('abort', () => leave())
    resolve(channel)
    await left
  }
  const session = await client.sessions.create({ params, body: { command: 'x' } })
  const channel = await client.sessions.attach({ params: { ...params, id: session.id } })
  const frames = channel.incoming[Symbol.asyncIterator]()
  const leaving = new AbortController()
  const events = await client.events.ofContainer(
    { params, query: { follow: 'true' } },
    { signal: leaving.signal },
  )
  const following = (async () => {
    for await (const _event of events);
  })()
  following.catch(() => {})
  return {
    id,
    atHost: await served,
    left,
    following,
    leave: () => {
      leaving.abort()
      channel.destroy()
    },
    next: async (): Promise<Control> => parseControl((await frames.next()).value),
  }
}

describe('what a key has open', () => {
  it('ends with the reason once the key is revoked, here and on the host', async () => {
    const { id, next, following, left } = await openStreams()
    await api.client.apiKeys.revoke({ params: { id } })
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await next()).toMatchObject({ type: 'error', code: 'api_key_invalid', retryable: false })
    await expect(following).rejects.toMatchObject({ code: 'api_key_invalid' })
    await left
  })

  it('goes on while the key counts, or the database cannot tell', async () => {
    const { leave, next, atHost } = await openStreams()
    await vi.advanceTimersByTimeAsync(15_000)
    const { sql } = api.database
    await sql`alter table api_keys rename to hidden`
    await vi.advanceTimersByTimeAsync(15_000)
    await sql`alter table hidden rename to api_keys`
    await atHost.send({ type: 3, payload: Buffer.from('{"type":"gap","bytes":1}') })
    expect(await next()).toEqual({ type: 'gap', bytes: 1 })
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    leave()
    // Nobody asks about what is not open any more.
    await eventually(() => expect(vi.getTimerCount()).toBe(0))
  })
})
