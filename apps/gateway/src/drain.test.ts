import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { domain, startTestGateway } from '../test/start-test-gateway.ts'
import { createApp } from './app.ts'
import { drain } from './drain.ts'

it('a gateway that leaves says so first, and lets open requests finish', async () => {
  const asked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const upstream = createServer((request, response) => {
    if (request.url !== '/slow') return void response.end('done')
    asked.resolve()
    void held.promise.then(() => response.end('done'))
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  onTestFinished(() => void upstream.close())
  await using gateway = await startTestGateway({ config: { drainDelayMs: 2000, drainTimeoutMs: 20_000 } })
  const { port } = upstream.address() as AddressInfo
  const uuid = gateway.addContainer({ [port]: 'public' })
  const { deps } = gateway
  const server = createApp(deps).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = (path: string, host = `${uuid}-${port}.${domain}`) => send(url, path, host)

  deps.onKnown()
  expect((await get('/readyz', 'a-balancer')).status).toBe(200)
  const slow = get('/slow')
  await asked.promise
  let isDrained = false
  const drained = drain(deps, server, new AbortController().signal).then(() => (isDrained = true))
  // Balancers have still to hear of it: what they send is served, on connections that are not kept.
  expect(await get('/readyz', 'a-balancer')).toMatchObject({ status: 503, connection: 'close' })
  expect(await get('/')).toMatchObject({ status: 200, text: 'done', connection: 'close' })
  await expect.poll(() => server.listening, { timeout: 10_000 }).toBe(false)
  await expect(get('/')).rejects.toThrow(/ECONNREFUSED|ECONNRESET/)
  expect(isDrained).toBe(false)
  held.resolve()
  expect(await slow).toMatchObject({ status: 200, text: 'done' })
  await drained
})

async function send(url: string, path: string, host: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    text: string
    connection: string | undefined
  }>()
  request(url + path, { headers: { host } }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    const { statusCode: status = 0, headers } = response
    response
      .once('error', reject)
      .once('end', () => resolve({ status, text, connection: headers.connection }))
  })
    .once('error', reject)
    .end()
  return promise
}
