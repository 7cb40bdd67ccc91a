import { createClient, GpulabError, parseControl } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { FastifyRequest } from 'fastify'
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
  const mayStay = vi.fn<() => Promise<never>>(() => Promise.reject(new GpulabError('api_key_invalid')))
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

it('bytes that are passed on from elsewhere are cut, whoever holds them up', async () => {
  const piece = Buffer.alloc(1 << 16)
  await using source = createServer({ logger: false })
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  createServe(source, () => Promise.resolve(undefined))(things.download, (_input, { signal }) => {
    signal.addEventListener('abort', () => leave())
    return Promise.resolve(
      (async function* () {
        for (;;) yield piece
      })(),
    )
  })
  const transport = createHttpTransport({ url: await source.listen({ host: '127.0.0.1', port: 0 }) })
  await using app = createServer({ logger: false })
  const mayStay = () => Promise.reject(new GpulabError('api_key_invalid'))
  createServe(app, () => Promise.resolve(undefined), { mayStay })(things.download, (_input, { signal }) =>
    createClient(things, transport).download({ query: { size: 1 } }, { signal }),
  )
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const [answer] = (await once(get(`${url}/v1/download?size=1`), 'response')) as [IncomingMessage]
  // Nobody reads yet.
  await vi.advanceTimersByTimeAsync(15_000)
  await left
  await expect(buffer(answer)).rejects.toThrow('aborted')
})

it('nobody asks about one whose caller has left while it was let in', async () => {
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
  const { promise: served, resolve: serveIt } = Promise.withResolvers<void>()
  await using app = createServer({ logger: false })
  const mayStay = vi.fn<() => Promise<void>>()
  const admit = async ({ raw }: FastifyRequest): Promise<void> => {
    const gone = once(raw.socket, 'close')
    enter()
    await gone
  }
  const serve = createServe(app, admit, { mayStay })
  serve(things.count, async () => {
    serveIt()
    return (async function* () {})()
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const leaving = new AbortController()
  const asking = fetch(`${url}/v1/count?to=1`, { signal: leaving.signal }).catch(() => {})
  await entered
  leaving.abort()
  await asking
  await served
  await vi.advanceTimersByTimeAsync(30_000)
  expect(mayStay).not.toHaveBeenCalled()
})

it('nobody asks about what is no stream', async () => {
  await using server = await serveThings('hears')
  await server.client.get({ params: { name: 'x' } })
  expect(vi.getTimerCount()).toBe(0)
  expect(server.mayStay).not.toHaveBeenCalled()
})
