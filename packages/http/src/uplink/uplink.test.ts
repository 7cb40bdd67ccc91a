import {
  bytes,
  type Channel,
  createClient,
  duplex,
  empty,
  endpoint,
  type Frame,
  frameType,
  GpulabError,
  json,
} from '@gpulab/contract'
import { makeCertificate } from '@gpulab/testing'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Readable } from 'node:stream'
import { SteadyBody } from '@gpulab/transport'
import { z } from 'zod'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createServe, createServer } from '../index.ts'
import { connectTestUplink } from '../test-support/connect-test-uplink.ts'
import { LaneTokens } from './lanes.ts'

const host = {
  ping: endpoint({
    method: 'GET',
    path: '/ping',
    summary: 'Answer',
    scope: 'read',
    result: empty(),
    errors: [],
  }),
  fill: endpoint({
    method: 'GET',
    path: '/fill',
    summary: 'Send 64 KiB, and read nothing before something comes',
    scope: 'read',
    result: duplex(),
    errors: [],
  }),
}
const more = {
  store: endpoint({
    method: 'POST',
    path: '/store',
    summary: 'Count bytes',
    scope: 'write',
    body: bytes(),
    result: json(z.object({ bytes: z.int() })),
    errors: [],
  }),
  refuse: endpoint({
    method: 'POST',
    path: '/refuse',
    summary: 'Read a little, and refuse',
    scope: 'write',
    body: bytes(),
    result: empty(),
    errors: ['no_space'],
  }),
  pour: endpoint({
    method: 'GET',
    path: '/pour',
    summary: 'Give two parts, and nothing between them for a while',
    scope: 'read',
    query: z.object({ quietMs: z.coerce.number() }),
    result: bytes(),
    errors: [],
  }),
  stall: endpoint({
    method: 'GET',
    path: '/stall',
    summary: 'Refuse, and never say why',
    scope: 'read',
    result: duplex(),
    errors: [],
  }),
}
const content = new Uint8Array(64 << 10).fill(7)

let closers = new AsyncDisposableStack()
afterEach(async () => {
  vi.useRealTimers()
  await closers.disposeAsync()
  closers = new AsyncDisposableStack()
})

async function connect(options: Parameters<typeof connectTestUplink>[2] = {}) {
  const app = createServer({ logger: false })
  const serve = createServe(app, async () => ({ name: 'control plane' }))
  let release = (): void => {}
  const released = new Promise<void>((done) => {
    release = done
  })
  const heard: number[] = []
  const stored: number[] = []
  serve(host.ping, async () => {})
  serve(host.fill, async (_call, _context, open) => {
    const channel = await open()
    await channel.send({ type: frameType.stdout, payload: content })
    await released
    let bytes = 0
    for await (const { payload } of channel.incoming) bytes += payload.length
    heard.push(bytes)
    await channel.end()
  })
  serve(more.store, async ({ body }) => {
    let count = 0
    for await (const chunk of body) count += chunk.length
    stored.push(count)
    return { bytes: count }
  })
  serve(more.refuse, async ({ body }) => {
    for await (const _ of body) throw new GpulabError('no_space')
  })
  serve(more.pour, async ({ query }) =>
    (async function* () {
      yield content
      await new Promise((resolve) => setTimeout(resolve, query.quietMs))
      yield content
    })(),
  )
  app.get('/stall', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(500, { 'content-length': 100 })
    reply.raw.write('{')
  })
  const connected = await connectTestUplink(app, closers, options)
  const { laned, plain } = connected
  return {
    ...connected,
    laned: createClient({ ...host, ...more }, laned),
    plain: createClient(host, plain),
    transports: { laned, plain },
    release,
    heard,
    stored,
  }
}

/** However many frames it comes in. */
async function readContent({ incoming }: Channel): Promise<void> {
  const frames = incoming[Symbol.asyncIterator]()
  let bytes = 0
  while (bytes < content.length) bytes += ((await frames.next()).value as Frame).payload.length
  expect(bytes).toBe(content.length)
}

/** Sends as much as the host has sent, and ends once that has come. */
async function fillBack(channels: readonly Channel[], release: () => void): Promise<void> {
  for (const channel of channels) {
    await channel.send({ type: frameType.stdin, payload: content })
    await readContent(channel)
  }
  release()
  await Promise.all(channels.map((channel) => channel.end()))
}

describe('an uplink', () => {
  it('is not lost over 1,000 streams of 64 KiB that nobody reads, on either side', async () => {
    const { plain: client, session, release, heard } = await connect()
    const before = process.memoryUsage().rss
    const channels = await Promise.all(Array.from({ length: 1000 }, () => client.fill()))
    for (const channel of channels) {
      await channel.send({ type: frameType.stdin, payload: content })
      await channel.end()
    }
    await client.ping()
    // Both sides are in this process, each with 64 MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(512 << 20)
    release()
    const read = await Promise.all(
      channels.map(async ({ incoming }) => {
        let bytes = 0
        for await (const { payload } of incoming) bytes += payload.length
        return bytes
      }),
    )
    expect(new Set(read)).toEqual(new Set([content.length]))
    expect(heard).toEqual(Array.from({ length: 1000 }, () => content.length))
    expect(session.destroyed).toBe(false)
  })

  it('is not lost over 3,000 streams that are left in their middle', async () => {
    const { plain, session } = await connect()
    for (let round = 0; round < 30; round++) {
      const channels = await Promise.all(Array.from({ length: 100 }, () => plain.fill()))
      for (const channel of channels) channel.destroy()
      await plain.ping()
    }
    expect(session.destroyed).toBe(false)
  })

  it('is the same over TLS', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gpulab-uplink-'))
    closers.defer(() => rm(dir, { recursive: true }))
    const { ca, keyFile, certFile } = await makeCertificate(dir, ['127.0.0.1'])
    const trusted = getCACertificates()
    closers.defer(() => setDefaultCACertificates(trusted))
    setDefaultCACertificates([ca])
    const tls = { key: await readFile(keyFile), cert: await readFile(certFile) }
    const { laned, plain, release, heard, lanesDialled } = await connect({ tls })
    const channels = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? laned : plain).fill()),
    )
    expect(lanesDialled()).toBeGreaterThanOrEqual(10)
    await fillBack(channels, release)
    await expect.poll(() => heard).toEqual(channels.map(() => content.length))
  })

  it('on which nothing arrives any more is given up by both sides within 30 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { laned, plain: client, session, uplink, network } = await connect()
    const streams = [await laned.fill(), await client.fill()]
    // Whoever is answered is asked again and again.
    for (let second = 0; second < 120; second += 10) {
      vi.advanceTimersByTime(10_000)
      await client.ping()
    }
    const gone = new Promise((resolve) => session.once('close', resolve))
    network.set({ kind: 'black-hole' })
    vi.advanceTimersByTime(20_000)
    expect(session.destroyed).toBe(false)
    vi.advanceTimersByTime(10_000)
    await Promise.all([gone, uplink.closed])
    for (const { incoming } of streams) await Array.fromAsync(incoming).catch(() => {})
    await expect(client.ping()).rejects.toMatchObject({ code: 'host_unreachable' })
  })
})

describe('lanes', () => {
  it('carry streams of bytes, which then need nothing of the uplink', async () => {
    const { laned, release, heard, lanesDialled } = await connect()
    const channels = await Promise.all(Array.from({ length: 100 }, () => laned.fill()))
    expect(lanesDialled()).toBeGreaterThanOrEqual(100)
    await fillBack(channels, release)
    await expect.poll(() => heard).toEqual(channels.map(() => content.length))
  })

  it('are made anew a moment after one was taken, at once where few are left', async () => {
    const { laned, release, lanesDialled } = await connect()
    await laned.fill()
    // One that was waited for, and four for those who come next.
    await expect.poll(lanesDialled).toBe(5)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (let n = 0; n < 2; n++) await laned.fill()
    expect(lanesDialled()).toBe(5)
    vi.advanceTimersByTime(100)
    vi.useRealTimers()
    await expect.poll(lanesDialled).toBe(7)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (let n = 0; n < 3; n++) await laned.fill()
    vi.useRealTimers()
    await expect.poll(lanesDialled).toBe(10)
    release()
  })

  it('are done without where the host cannot dial them', async () => {
    const { laned, release, lanesDialled } = await connect({ refusesLanes: true })
    for (let round = 0; round < 10; round++) {
      const channel = await laned.fill()
      await readContent(channel)
    }
    // Nor is it asked for them again and again.
    expect(lanesDialled()).toBeLessThan(10)
    release()
  })

  it('end with their uplink, on both sides', async () => {
    const { laned, session, uplink } = await connect()
    const channels = await Promise.all(Array.from({ length: 5 }, () => laned.fill()))
    session.destroy()
    await uplink.closed
    // What has come so far is not the whole.
    for (const { incoming } of channels) await expect(Array.fromAsync(incoming)).rejects.toThrow()
    await expect(laned.fill()).rejects.toMatchObject({ code: 'host_unreachable' })
  })

  it('may be quiet for as long as they like, in the middle of a request and of its answer', async () => {
    const { laned } = await connect()
    const quietMs = 6000
    async function* slowly() {
      yield content
      await new Promise((resolve) => setTimeout(resolve, quietMs))
      yield content
    }
    const down = async (): Promise<number> => {
      let bytes = 0
      for await (const chunk of await laned.pour({ query: { quietMs } })) bytes += chunk.length
      return bytes
    }
    const both = [laned.store({ body: slowly() }), down()]
    expect(await Promise.all(both)).toEqual([{ bytes: 2 * content.length }, 2 * content.length])
  })

  it.each(['laned', 'plain'] as const)(
    'or the uplink take a body of a length that is told (%s)',
    async (way) => {
      const connected = await connect()
      const client = createClient(more, connected.transports[way])
      const told = (bytes: number) => ({ headers: { 'content-length': String(bytes) } })
      const whole = new SteadyBody(Readable.from([content, content]))
      expect(await client.store({ body: whole }, told(2 * content.length))).toEqual({
        bytes: 2 * content.length,
      })
      const cut = Readable.from(
        (async function* () {
          yield content
          throw new Error('cut')
        })(),
      )
      await expect(client.store({ body: new SteadyBody(cut) }, told(2 * content.length))).rejects.toThrow()
      expect(connected.stored).toEqual([2 * content.length])
    },
  )

  it('bring the refusal of a host that does not read the rest', async () => {
    const { laned } = await connect()
    async function* endless() {
      for (let n = 0; n < 512; n++) yield content
    }
    const outcomes = Array.from({ length: 20 }, () =>
      laned.refuse({ body: endless() }).catch((error: GpulabError) => error.code),
    )
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['no_space']))
  })

  it('are given up with the time limit where a refusal is not finished', async () => {
    const { laned } = await connect()
    await expect(laned.stall({}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'host_unreachable' })
  })

  it('are opened with a token that was asked for only, and once', () => {
    const tokens = new LaneTokens()
    const lanes: unknown[] = []
    const { token, forget } = tokens.ask((lane) => lanes.push(lane))
    for (const wrong of ['', undefined, ['x'], `${token}x`]) expect(() => tokens.redeem(wrong)).toThrow()
    tokens.redeem(token)
    expect(() => tokens.redeem(token)).toThrow()
    const other = tokens.ask(() => {})
    other.forget()
    forget()
    expect(() => tokens.redeem(other.token)).toThrow()
  })
})
