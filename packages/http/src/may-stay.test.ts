import { createClient, GpulabError, parseControl } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createServe, createServer } from './index.ts'
import { things } from './test-support/things.ts'

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }),
)
afterEach(() => void vi.useRealTimers())

/** Serves streams that may not stay. */
async function serveThings(answer: 'hears' | 'is deaf') {
  const app = createServer({ logger: false })
  const mayStay = vi.fn(() => Promise.reject(new GpulabError('api_key_invalid')))
  const serve = createServe(app, () => Promise.resolve(undefined), { mayStay })
  serve(things.echo, async (_input, { signal }, open) => {
    await open()
    await (answer === 'hears' ? once(signal, 'abort') : new Promise(() => {}))
  })
  serve(things.get, ({ params }) => Promise.resolve({ name: params.name, size: 1 }))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const client = createClient(things, createHttpTransport({ url }))
  return { client, mayStay, [Symbol.asyncDispose]: () => app.close() }
}

it('a stream that may not stay ends with the reason', async () => {
  await using server = await serveThings('hears')
  const { incoming } = await server.client.echo({ params: { name: 'x' } })
  const frames = Array.fromAsync(incoming)
  await vi.advanceTimersByTimeAsync(15_000)
  expect((await frames).map(parseControl)).toMatchObject([{ type: 'error', code: 'api_key_invalid' }])
})

it('one that does not hear of it is cut', async () => {
  await using server = await serveThings('is deaf')
  const { incoming } = await server.client.echo({ params: { name: 'x' } })
  const frames = Array.fromAsync(incoming).then(
    (all) => all.length,
    () => 0,
  )
  await vi.advanceTimersByTimeAsync(15_000)
  expect(server.mayStay).toHaveBeenCalledOnce()
  await vi.advanceTimersByTimeAsync(5000)
  expect(await frames).toBe(0)
})

it('nobody asks about what is no stream', async () => {
  await using server = await serveThings('hears')
  await server.client.get({ params: { name: 'x' } })
  expect(vi.getTimerCount()).toBe(0)
  expect(server.mayStay).not.toHaveBeenCalled()
})
