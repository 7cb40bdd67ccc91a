import { GpulabError, type Route } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as sendRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { domain, startTestGateway, type TestGateway } from '../test/start-test-gateway.ts'

const key = 'gpulab_12345678_secret'
let gateway: TestGateway
let asked = 0

/** Sends for ever; takes WebSockets, and says nothing there. */
const upstream = createServer((_, response) => {
  const timer = setInterval(() => response.write('more'), 20)
  response.once('close', () => clearInterval(timer))
})
upstream.on('upgrade', (_request, socket: Socket) => {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
})

beforeAll(async () => {
  gateway = await startTestGateway({
    control: {
      admit: ({ body }) =>
        body.credential === key
          ? Promise.resolve({ expires_at: null })
          : Promise.reject(new GpulabError('port_private')),
      route: ({ params }) => {
        asked++
        const route = gateway.routes.get(params.uuid)
        return route ? Promise.resolve(route) : Promise.reject(new GpulabError('container_not_found'))
      },
    },
  })
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
})
afterAll(async () => {
  upstream.closeAllConnections()
  upstream.close()
  await gateway?.[Symbol.asyncDispose]()
})

const portOf = (): number => (upstream.address() as AddressInfo).port

interface Held {
  readonly isOpen: () => boolean
  readonly leave: () => void
}

/** A connection that goes on by itself. */
async function hold(uuid: string, kind: 'download' | 'WebSocket', ...fields: string[]): Promise<Held> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1' })
  let isOpen = true
  socket.on('error', () => {})
  socket.once('close', () => {
    isOpen = false
  })
  const upgrade = kind === 'WebSocket' ? ['Connection: Upgrade', 'Upgrade: websocket'] : []
  const lines = [`GET / HTTP/1.1`, `Host: ${uuid}-${portOf()}.${domain}`, ...upgrade, ...fields, '', '']
  socket.write(lines.join('\r\n'))
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(head.toString()).toMatch(kind === 'download' ? /^HTTP\/1\.1 200/ : /^HTTP\/1\.1 101/)
  socket.resume()
  return { isOpen: () => isOpen, leave: () => socket.destroy() }
}

function change(uuid: string, ports: Route['ports']): void {
  const route = gateway.routes.get(uuid)
  if (route) gateway.routes.set(uuid, { ...route, ports })
}

describe('a port that is made private', () => {
  it('cuts who may not come in any more, and nobody else', { timeout: 40_000 }, async () => {
    const uuid = gateway.addContainer({ [portOf()]: 'public' })
    const other = gateway.addContainer({ [portOf()]: 'public' })
    const origin = `Origin: http://${uuid}-${portOf()}.${domain}`
    const strangers = await Promise.all([
      hold(uuid, 'download'),
      hold(uuid, 'WebSocket'),
      hold(uuid, 'WebSocket', 'Cookie: gpulab-port=wrong', origin),
    ])
    const holders = await Promise.all([
      hold(uuid, 'download', `api-key: ${key}`),
      hold(uuid, 'download', `Cookie: gpulab-port=${key}`),
      hold(uuid, 'WebSocket', `api-key: ${key}`),
      hold(uuid, 'WebSocket', `Cookie: gpulab-port=${key}`, origin),
      hold(other, 'download'),
    ])
    change(uuid, { [portOf()]: 'private' })
    await eventually(() => expect(strangers.map(({ isOpen }) => isOpen())).toEqual([false, false, false]))
    // They were looked at in the same moment, and are so again.
    const before = asked
    await eventually(() => expect(asked).toBeGreaterThan(before + 1))
    expect(holders.map(({ isOpen }) => isOpen())).toEqual(holders.map(() => true))
    change(uuid, {})
    await eventually(() => expect(holders.filter(({ isOpen }) => isOpen())).toHaveLength(1))
    for (const { leave } of holders) leave()
  })
})

describe('who asks for what is not there', () => {
  const ask = (address: string, host: string, ...more: string[]) =>
    new Promise<{ status: number; retryAfter: string | undefined }>((resolve, reject) => {
      const headers = {
        host,
        'x-forwarded-for': address,
        ...(more[0] !== undefined && { 'api-key': more[0] }),
      }
      const { port } = trusting
      sendRequest({ host: '127.0.0.1', port, headers, agent: false }, (answer) => {
        answer.resume()
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] })
      })
        .once('error', reject)
        .end()
    })
  let trusting: TestGateway
  const heard = { routes: 0, admissions: 0 }

  beforeAll(async () => {
    trusting = await startTestGateway({
      config: { trustedProxies: { has: (address) => address === '127.0.0.1' } },
      control: {
        admit: () => {
          heard.admissions++
          return Promise.reject(new GpulabError('port_private'))
        },
      },
    })
    const { route } = trusting.deps.control
    Object.assign(trusting.deps.control, {
      route: (...call: Parameters<typeof route>) => {
        heard.routes++
        return route(...call)
      },
    })
  })
  afterAll(() => trusting?.[Symbol.asyncDispose]())

  it('is told to wait, and what is there still answers', async () => {
    const uuid = trusting.addContainer({ [portOf()]: 'private' })
    const known = `${uuid}-${portOf()}.${domain}`
    expect((await ask('192.0.2.1', known)).status).toBe(401)
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => ask('192.0.2.1', `${randomUUID()}-80.${domain}`)),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(150)
    expect(Number(refused[0]?.retryAfter)).toBeGreaterThan(0)
    expect(answers.filter(({ status }) => status === 404).length).toBe(300 - refused.length)
    expect(heard.routes).toBe(301 - refused.length)
    // Of the same address, for what is known to be there; and of another one.
    expect((await ask('192.0.2.1', known)).status).toBe(401)
    expect((await ask('192.0.2.2', `${randomUUID()}-80.${domain}`)).status).toBe(404)
  })

  it('guesses no keys, and the API is spared', async () => {
    const host = `${trusting.addContainer({ [portOf()]: 'private' })}-${portOf()}.${domain}`
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, n) => ask('192.0.2.3', host, `gpulab_12345678_${n}`)),
    )
    const told = answers.filter(({ status }) => status === 401).length
    expect(told).toBeLessThan(150)
    expect(heard.admissions).toBe(told)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(300 - told)
  })
})
