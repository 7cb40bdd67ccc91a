import { createClient, duplex, empty, endpoint, frameType, GpulabError } from '@gpulab/contract'
import { makeCertificate, startTcpProxy } from '@gpulab/testing'
import { createSessionTransport } from '@gpulab/transport'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  acceptUplink,
  createServe,
  createServer,
  createUplinkServer,
  dialUplink,
  takeUpgrade,
} from './index.ts'

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
const content = new Uint8Array(64 << 10).fill(7)

let closers = new AsyncDisposableStack()
afterEach(async () => {
  vi.useRealTimers()
  await closers.disposeAsync()
  closers = new AsyncDisposableStack()
})

/** A host that has dialled the control plane through a network that can fail. */
async function connect(tls?: { readonly key: Buffer; readonly cert: Buffer }) {
  const control = createServer({ logger: false, ...(tls && { tls }) })
  const { promise, resolve } = Promise.withResolvers<ClientHttp2Session>()
  control.get('/agent/v1/uplink', async (request, reply) => {
    const upgrade = takeUpgrade(request, 'gpulab-uplink')
    if (!upgrade) throw new GpulabError('invalid_request')
    reply.hijack()
    resolve(await acceptUplink(upgrade.socket, upgrade.head))
  })
  const url = new URL(await control.listen({ host: '127.0.0.1', port: 0 }))
  closers.defer(() => control.close())
  const network = await startTcpProxy({ target: { port: Number(url.port) } })
  closers.use(network)
  const app = createServer({ logger: false })
  const serve = createServe(app, async () => ({ name: 'control plane' }))
  let release = (): void => {}
  const released = new Promise<void>((done) => {
    release = done
  })
  const heard: number[] = []
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
  const uplinks = createUplinkServer(app)
  closers.defer(() => app.close())
  closers.defer(() => uplinks.close())
  const socket = await dialUplink({
    url: `${url.protocol}//127.0.0.1:${network.port}`,
    headers: {},
    signal: new AbortController().signal,
  })
  const served = uplinks.serve(socket)
  const session = await promise
  closers.defer(() => session.destroy())
  return {
    client: createClient(host, createSessionTransport(session)),
    session,
    served,
    network,
    release,
    heard,
  }
}

describe('an uplink', () => {
  it('is not lost over 1,000 streams of 64 KiB that nobody reads, on either side', async () => {
    const { client, session, release, heard } = await connect()
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
    const { client, session } = await connect()
    for (let round = 0; round < 30; round++) {
      const channels = await Promise.all(Array.from({ length: 100 }, () => client.fill()))
      for (const channel of channels) channel.destroy()
      await client.ping()
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
    const { client, release, heard } = await connect({
      key: await readFile(keyFile),
      cert: await readFile(certFile),
    })
    const channels = await Promise.all(Array.from({ length: 20 }, () => client.fill()))
    for (const channel of channels) {
      await channel.send({ type: frameType.stdin, payload: content })
      await channel.end()
    }
    release()
    for (const { incoming } of channels) for await (const _ of incoming);
    expect(heard).toEqual(channels.map(() => content.length))
  })

  it('on which nothing arrives any more is given up by both sides within 30 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { client, session, served, network } = await connect()
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
    await Promise.all([gone, served])
    await expect(client.ping()).rejects.toMatchObject({ code: 'host_unreachable' })
  })
})
