import { type Channel, createClient, frameType, GpulabError, parseControl } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createServe, createServer } from './index.ts'
import { connectTestUplink } from './test-support/connect-test-uplink.ts'
import { things } from './test-support/things.ts'

const closers: (() => unknown)[] = []
let url = ''
let wasAborted = false

async function echo(channel: Channel): Promise<void> {
  for await (const frame of channel.incoming) {
    await channel.send({ ...frame, type: frame.type === frameType.stdin ? frameType.stdout : frame.type })
  }
}

function createApp() {
  const app = createServer({ logger: false })
  const serve = createServe(app, async (request) => {
    if (request.headers.authorization === 'Bearer no') throw new GpulabError('api_key_invalid')
    return { name: 'tester' }
  })
  serve(things.get, async ({ params, query }) => {
    if (params.name === 'none') throw new GpulabError('container_not_found', { hint: 'Try another.' })
    // The undeclared field must not leave the server.
    return { name: params.name, size: query.size, secret: 'x' } as never
  })
  serve(things.put, async () => {})
  serve(things.count, async ({ query }, { signal }) =>
    (async function* () {
      for (let n = 1; n <= query.to; n++) yield { n }
      if (query.to === 3) throw new GpulabError('host_unreachable')
      if (query.to === 5) {
        await once(signal, 'abort')
        wasAborted = true
      }
    })(),
  )
  serve(things.upload, async ({ body }) => {
    let size = 0
    for await (const chunk of body) size += chunk.length
    return { size }
  })
  serve(things.download, async ({ query }) =>
    (async function* () {
      for (let left = query.size; left > 0; left -= 65_536) yield new Uint8Array(Math.min(left, 65_536))
    })(),
  )
  serve(things.echo, async ({ params }, _context, open) => {
    if (params.name === 'none') throw new GpulabError('session_not_found')
    opening++
    const channel = await open().finally(() => opening--)
    if (params.name === 'broken') throw new GpulabError('session_taken_over')
    await echo(channel)
  })
  return app
}

/** Handlers that wait for their channel. */
let opening = 0

beforeAll(async () => {
  const app = createApp()
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  closers.push(() => app.close())
})
afterAll(async () => {
  for (const close of closers.toReversed()) await close()
})

const viaHttp = () => createClient(things, createHttpTransport({ url }))

/** The host dials the control plane, which then calls the host over that connection. */
async function viaUplink() {
  const stack = new AsyncDisposableStack()
  closers.push(() => stack.disposeAsync())
  const { laned, plain, session } = await connectTestUplink(createApp(), stack)
  return { laned: createClient(things, laned), plain: createClient(things, plain), session }
}

describe.each([
  ['HTTP/1.1', async () => viaHttp()],
  ['an uplink', async () => (await viaUplink()).plain],
  ['an uplink with lanes', async () => (await viaUplink()).laned],
])('over %s', (_name, connect) => {
  it('answers JSON stripped to its schema, with coerced queries and defaults', async () => {
    const client = await connect()
    expect(await client.get({ params: { name: 'a/b ü' } })).toEqual({ name: 'a/b ü', size: 1 })
    expect(await client.get({ params: { name: 'x' }, query: { size: 7 } })).toEqual({ name: 'x', size: 7 })
    expect(await client.put({ body: { name: 'x', size: 1 } })).toBeUndefined()
  })

  it('passes errors on with code, message and hint', async () => {
    const client = await connect()
    await expect(client.get({ params: { name: 'none' } })).rejects.toMatchObject({
      code: 'container_not_found',
      hint: 'Try another.',
      requestId: expect.stringMatching(/^req_/) as string,
    })
    await expect(client.put({ body: { name: 'x', size: 1.5 } })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('body.size') as string,
    })
  })

  it('streams events, and a failure in mid-stream as an error', async () => {
    const client = await connect()
    expect(await Array.fromAsync(await client.count({ query: { to: 2 } }))).toEqual([{ n: 1 }, { n: 2 }])
    const seen: number[] = []
    const failing = async () => {
      for await (const { n } of await client.count({ query: { to: 3 } })) seen.push(n)
    }
    await expect(failing()).rejects.toMatchObject({ code: 'host_unreachable' })
    expect(seen).toEqual([1, 2, 3])
  })

  it('tells the handler when the reader of events goes away', async () => {
    const client = await connect()
    const controller = new AbortController()
    wasAborted = false
    const reading = (async () => {
      for await (const { n } of await client.count({ query: { to: 5 } }, { signal: controller.signal })) {
        if (n === 5) controller.abort()
      }
    })()
    await expect(reading).rejects.toThrow(/abort/i)
    await expect.poll(() => wasAborted).toBe(true)
  })

  it('streams bytes both ways without holding them', async () => {
    const client = await connect()
    const chunks = async function* () {
      for (let n = 0; n < 64; n++) yield new Uint8Array(1 << 20)
    }
    expect(await client.upload({ body: chunks() })).toEqual({ size: 64 << 20 })
    let size = 0
    for await (const chunk of await client.download({ query: { size: 20_000_001 } })) size += chunk.length
    expect(size).toBe(20_000_001)
  })
})

it.each([
  ['application/octet-stream', 'x'.repeat(5_000_000), 5_000_000],
  ['application/json', '{"broken": ', 11],
  ['text/plain; charset=latin1', 'plain', 5],
  ['application/x-www-form-urlencoded', 'a=b', 3],
  [undefined, 'nameless', 8],
  ['application/json', '', 0],
  [undefined, '', 0],
])('takes bytes that their sender calls %s as they are', async (mediaType, sent, size) => {
  // A Blob would bring a type of its own.
  const answer = await fetch(`${url}/v1/upload`, {
    method: 'POST',
    body: new TextEncoder().encode(sent),
    ...(mediaType !== undefined && { headers: { 'content-type': mediaType } }),
  })
  expect(await answer.json()).toEqual({ size })
})

it.each(['plain', 'laned'] as const)(
  'waits for a slow body over an uplink, %s, as long as it takes',
  async (way) => {
    const { [way]: client } = await viaUplink()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const uploading = client.upload({
        body: (async function* () {
          yield new Uint8Array(3)
          // Not at once: until then the request has left, and whatever limits it has begun.
          await new Promise((resolve) => setImmediate(resolve))
          vi.advanceTimersByTime(3_600_000)
          yield new Uint8Array(4)
        })(),
      })
      expect(await uploading).toEqual({ size: 7 })
    } finally {
      vi.useRealTimers()
    }
  },
)

describe('a duplex endpoint', () => {
  const payload = new TextEncoder().encode('hello')

  it('carries frames over an uplink', async () => {
    const { plain: client } = await viaUplink()
    const channel = await client.echo({ params: { name: 'x' } })
    await channel.send({ type: frameType.stdin, payload })
    await channel.end()
    const frames = await Array.fromAsync(channel.incoming)
    expect(frames.map(({ type, payload: bytes }) => [type, new TextDecoder().decode(bytes)])).toEqual([
      [1, 'hello'],
    ])
  })

  it('carries frames over a WebSocket, and holds a fast sender back', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/echo/x`)
    await once(socket, 'open')
    let received = 0
    socket.on('message', (data: Buffer) => (received += data.length - 1))
    const message = Buffer.concat([Buffer.of(frameType.stdin), Buffer.alloc(65_536)])
    for (let n = 0; n < 200; n++) socket.send(message)
    await expect.poll(() => received, { timeout: 10_000 }).toBe(200 * 65_536)
    socket.close()
    await once(socket, 'close')
  })

  it.each([
    ['a WebSocket', async () => createClient(things, createHttpTransport({ url }))],
    ['an uplink', async () => (await viaUplink()).plain],
    ['an uplink with lanes', async () => (await viaUplink()).laned],
  ])('over %s carries frames, and tells of failures before and after it is open', async (_way, getClient) => {
    const client = await getClient()
    const channel = await client.echo({ params: { name: 'x' } })
    await channel.send({ type: frameType.stdin, payload })
    const frames = channel.incoming[Symbol.asyncIterator]()
    expect((await frames.next()).value).toMatchObject({ type: frameType.stdout })
    await channel.end()
    await expect(client.echo({ params: { name: 'none' } })).rejects.toMatchObject({
      code: 'session_not_found',
      exitCode: 3,
    })
    const broken = await client.echo({ params: { name: 'broken' } })
    expect((await Array.fromAsync(broken.incoming)).map(parseControl)).toMatchObject([
      { type: 'error', code: 'session_taken_over' },
    ])
  })

  it('ends its handler when the handshake is none', async () => {
    const { connect } = await import('node:net')
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('GET /v1/echo/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    await once(socket.resume(), 'close')
    await expect.poll(() => opening).toBe(0)
  })

  it('refuses an upgrade as an ordinary answer', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/echo/much-too-long`)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(response.statusCode).toBe(400)
    const denied = new WebSocket(`${url.replace('http', 'ws')}/v1/echo/x`, {
      headers: { authorization: 'Bearer no' },
    })
    const [, unauthorized] = (await once(denied, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(unauthorized.statusCode).toBe(401)
  })
})

describe('an uplink that is cut', () => {
  it('fails calls under way with host_unreachable', async () => {
    const { plain: client, session } = await viaUplink()
    const reading = (async () => {
      for await (const { n } of await client.count({ query: { to: 5 } })) if (n === 5) session.destroy()
    })()
    await expect(reading).rejects.toMatchObject({ code: 'host_unreachable' })
    await expect(client.get({ params: { name: 'x' } })).rejects.toMatchObject({ code: 'host_unreachable' })
  })
})

describe('a client without a server', () => {
  it('says that the API does not answer', async () => {
    const client = createClient(things, createHttpTransport({ url: 'http://127.0.0.1:1' }))
    await expect(client.get({ params: { name: 'x' } })).rejects.toMatchObject({
      code: 'api_unreachable',
      message: expect.stringContaining('nothing listens there') as string,
    })
  })

  it('keeps credentials off plain http to other machines', () => {
    expect(() => createHttpTransport({ url: 'http://example.com' })).toThrow(/plain http/)
    expect(() => createHttpTransport({ url: 'http://example.com', insecure: true })).not.toThrow()
    expect(() => createHttpTransport({ url: 'ftp://example.com' })).toThrow(/not an API URL/)
  })
})

describe('requests that are not understood', () => {
  it.each([
    ['an unknown route', 'GET', '/nowhere', undefined, 404, 'route_not_found'],
    ['broken JSON', 'PUT', '/v1/things', '{"name"', 400, 'invalid_request'],
    [
      'a body that is too large',
      'PUT',
      '/v1/things',
      JSON.stringify({ name: 'x'.repeat(5 << 20) }),
      413,
      'body_too_large',
    ],
  ])('get an envelope: %s', async (_name, method, path, body, status, code) => {
    const response = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body }),
    })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({
      error: { code, retryable: false, request_id: response.headers.get('request-id') },
    })
  })

  it('takes an empty body for none, whatever media type it names', async () => {
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(`${url}/v1/things`, { method: 'DELETE', headers })).status).toBe(404)
    expect((await fetch(`${url}/v1/things`, { method: 'PUT', headers })).status).toBe(400)
  })

  it('leaves no connection open behind a refused upgrade', async () => {
    const { connect } = await import('node:net')
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true })
    socket.write('GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    socket.resume()
    await once(socket, 'end')
    // Writing into a connection that the other side has closed for good ends in a reset.
    const closed = once(socket, 'error').catch(() => undefined)
    const writing = setInterval(() => socket.write('x'), 20)
    await closed
    clearInterval(writing)
    socket.destroy()
  })

  it('answers bytes that are no HTTP', async () => {
    const { connect } = await import('node:net')
    const socket = connect((new URL(url).port as unknown as AddressInfo['port']) ?? 0, '127.0.0.1')
    socket.write('NONSENSE\r\n\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(chunk.toString()).toContain('invalid_request')
  })

  it('answers server-sent events when asked', async () => {
    const response = await fetch(`${url}/v1/count?to=1`, { headers: { accept: 'text/event-stream' } })
    expect(await response.text()).toContain('data: {"n":1}\n\n')
  })
})
