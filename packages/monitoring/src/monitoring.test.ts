import { createServe, createServer } from '@gpulab/http'
import { endpoint, json } from '@gpulab/contract'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { once, within } from './bounded-read.ts'
import { createMetrics } from './create-metrics.ts'
import { observeRequests } from './observe-requests.ts'
import { createReadiness } from './readiness.ts'
import { countRequests } from './requests-in-flight.ts'
import { serveMonitoring } from './serve-monitoring.ts'

async function start(readiness = createReadiness()) {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-monitor-'))
  const path = join(folder, 'monitor.sock')
  const registry = createMetrics({ component: 'test', version: '1.2.3' })
  const stop = await serveMonitoring(`unix:${path}`, { registry, readiness })
  onTestFinished(async () => {
    stop()
    await rm(folder, { recursive: true })
  })
  const get = (url: string, method = 'GET') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      request({ socketPath: path, path: url, method }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
        .once('error', reject)
        .end()
    })
  return { registry, get }
}

describe('an address for monitoring', () => {
  it('has metrics of the process, its version, and whether it lives and is ready', async () => {
    const { get } = await start(createReadiness({ database: () => Promise.resolve() }))
    const { status, text } = await get('/metrics')
    expect(status).toBe(200)
    expect(text).toContain('gpulab_build_info{component="test",version="1.2.3"} 1')
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds \d/m)
    expect(text).toMatch(/^process_resident_memory_bytes \d/m)
    expect(await get('/healthz')).toEqual({ status: 200, text: '{"status":"ok"}\n' })
    expect(await get('/readyz')).toEqual({
      status: 200,
      text: '{"status":"ready","checks":{"database":"ok"}}\n',
    })
    expect((await get('/v1/containers')).status).toBe(404)
    expect((await get('/metrics', 'POST')).status).toBe(405)
  })

  it('says what it is not ready for, and lives all the same', async () => {
    const { get } = await start(
      createReadiness({
        database: () => Promise.reject(new Error('hunter2')),
        other: () => Promise.resolve(),
      }),
    )
    expect(await get('/readyz')).toEqual({
      status: 503,
      text: '{"status":"not_ready","checks":{"database":"failed","other":"ok"}}\n',
    })
    expect((await get('/healthz')).status).toBe(200)
  })

  it('is not ready any more once it drains', async () => {
    const readiness = createReadiness()
    const { get } = await start(readiness)
    expect(readiness.isWatched()).toBe(false)
    expect((await get('/readyz')).status).toBe(200)
    expect(readiness.isWatched()).toBe(true)
    readiness.drain()
    expect(await get('/readyz')).toMatchObject({ status: 503, text: /draining/ })
    expect((await get('/healthz')).status).toBe(200)
  })
})

const things = endpoint({
  method: 'GET',
  path: '/v1/things/:name',
  params: z.object({ name: z.string() }),
  result: json(z.object({ name: z.string() })),
  errors: [],
  summary: 'A thing.',
  scope: 'public',
})

async function startApp() {
  const registry = createMetrics({ component: 'test', version: '1' })
  const app = createServer({ logger: false, observer: observeRequests(registry) })
  const readiness = createReadiness()
  const requests = countRequests(app, readiness)
  const held = Promise.withResolvers<void>()
  createServe(app, () => Promise.resolve(undefined))(things, async ({ params }) => {
    if (params.name === 'slow') await held.promise
    return { name: params.name }
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => app.close())
  return { registry, url, readiness, requests, held }
}

describe('requests', () => {
  it('are told apart by route, method and code, and by nothing that callers choose', async () => {
    const { registry, url } = await startApp()
    for (let n = 0; n < 50; n++) await fetch(`${url}/v1/things/secret-${n}`)
    for (let n = 0; n < 50; n++) await fetch(`${url}/nowhere/secret-${n}`)
    const text = await registry.metrics()
    const counts = text
      .split('\n')
      .filter((line) => line.startsWith('gpulab_http_request_duration_seconds_count'))
    expect(counts).toEqual([
      'gpulab_http_request_duration_seconds_count{method="GET",route="/v1/things/:name",code="200"} 50',
      'gpulab_http_request_duration_seconds_count{method="GET",route="none",code="404"} 50',
    ])
    expect(text).not.toContain('secret')
  })

  it('are waited for, and their clients told to come on another connection', async () => {
    const { url, readiness, requests, held } = await startApp()
    expect((await fetch(`${url}/v1/things/a`)).headers.get('connection')).toBe('keep-alive')
    const slow = fetch(`${url}/v1/things/slow`)
    await expect.poll(() => requests.count()).toBe(1)
    readiness.drain()
    let isDone = false
    const done = requests.untilNone(AbortSignal.timeout(10_000)).then(() => (isDone = true))
    expect((await fetch(`${url}/v1/things/b`)).headers.get('connection')).toBe('close')
    expect(isDone).toBe(false)
    held.resolve()
    await done
    expect((await slow).status).toBe(200)
  })

  it('keep the id that their caller gave them, unless it could forge a log', async () => {
    const { url } = await startApp()
    const idOf = async (id: string) =>
      (await fetch(`${url}/v1/things/a`, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await idOf('req_of-the.caller')).toBe('req_of-the.caller')
    for (const bad of ['short', 'a'.repeat(65), 'has spaces in it', '{"level":"fatal"}']) {
      expect(await idOf(bad)).toMatch(/^req_[\w-]{12}$/)
    }
  })
})

describe('a read', () => {
  it('is shared while it is young, and made again after that', async () => {
    let reads = 0
    const read = once(() => Promise.resolve(++reads), 0)
    expect(await Promise.all([read(), read()])).toEqual([1, 1])
    expect(await read()).toBe(2)
    const lasting = once(() => Promise.resolve(++reads), 60_000)
    expect([await lasting(), await lasting()]).toEqual([3, 3])
  })

  it('that fails or hangs is not waited for', async () => {
    expect(await within(Promise.reject(new Error('no')), 1000)).toBeUndefined()
    expect(await within(new Promise(() => {}), 1)).toBeUndefined()
    expect(await within(Promise.resolve('well'), 1000)).toBe('well')
  })
})
