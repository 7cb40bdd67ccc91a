import { GpulabError } from '@gpulab/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawUpstream, startRawUpstream } from '../test/raw-upstream.ts'
import { domain, startTestGateway, type TestGateway } from '../test/start-test-gateway.ts'

const key = 'gpulab_12345678_secret'
const token = 'gpulabgrant_a-token'
const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

let gateway: TestGateway
let upstream: RawUpstream
let sockets: RawUpstream
let host: string
let socketHosts: { public: string; private: string; other: string }

beforeAll(async () => {
  gateway = await startTestGateway({
    control: {
      admit: ({ body }) =>
        [key, token].includes(body.credential)
          ? Promise.resolve({ expires_at: null })
          : Promise.reject(new GpulabError('port_private')),
    },
  })
  upstream = await startRawUpstream()
  sockets = await startRawUpstream(upgraded)
  host = `${gateway.addContainer({ [upstream.port]: 'private' })}-${upstream.port}.${domain}`
  const own = (mode: 'public' | 'private'): string =>
    `${gateway.addContainer({ [sockets.port]: mode, 1234: 'public' })}-${sockets.port}.${domain}`
  socketHosts = { public: own('public'), private: own('private'), other: own('public') }
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await upstream?.[Symbol.asyncDispose]()
  await sockets?.[Symbol.asyncDispose]()
})

const ask = (target: string, ...fields: string[]): Promise<string> =>
  gateway.raw(
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`,
  )

describe('a private port', () => {
  it.each([
    ['nothing', []],
    ['a wrong key', ['api-key: gpulab_12345678_wrong']],
    ['a wrong cookie', ['Cookie: gpulab-port=wrong']],
    ['credentials of the service', ['Authorization: Basic eA==']],
  ])('stays shut to %s', async (_name, fields) => {
    const before = gateway.dials.length
    expect(await ask('/', ...fields)).toMatch(/^HTTP\/1\.1 401 [^]*"code":"port_private"/)
    expect(gateway.dials.length).toBe(before)
  })

  it('opens to a key, which the container does not get', async () => {
    for (const field of [`api-key: ${key}`, `Authorization: Bearer ${key}`])
      expect(await ask('/', field)).toMatch(/^HTTP\/1\.1 200/)
    expect(upstream.heard.join('')).not.toContain('gpulab_')
  })

  it('makes a link a cookie of this host, and the link disappear', async () => {
    const answer = await ask(`/lab?a=1&gpulab_access=${token}&b=2`)
    expect(answer).toMatch(/^HTTP\/1\.1 302 /)
    expect(answer).toMatch(/^location: \/lab\?a=1&b=2\r$/im)
    expect(answer).toMatch(/^referrer-policy: no-referrer\r$/im)
    const [, cookie = ''] = /^set-cookie: ([^\r]+)\r$/im.exec(answer) ?? []
    expect(cookie).toMatch(/^gpulab-port=gpulabgrant_a-token; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/)
    expect(await ask('/', `Cookie: theirs=1; ${cookie.split(';')[0]}`)).toMatch(/^HTTP\/1\.1 200/)
    expect(upstream.heard.join('')).not.toContain('gpulab')
  })

  it('leads to no other host with it', async () => {
    for (const start of ['//', '/\\', '/\\/'])
      expect(await ask(`${start}evil.test/?gpulab_access=${token}`)).toMatch(/^location: \/evil\.test\/\r$/im)
  })

  it('lets a cookie that another page has set beside it not be in the way', async () => {
    expect(await ask('/', `Cookie: gpulab-port=wrong; gpulab-port=${token}`)).toMatch(/^HTTP\/1\.1 200/)
  })

  it('does nothing for a page of another container with the cookie of its visitor', async () => {
    const post = (origin: string): Promise<string> =>
      gateway.raw(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nCookie: gpulab-port=${token}\r\nOrigin: ${origin}\r\nContent-Length: 0\r\n\r\n`,
      )
    expect(await post(`http://${socketHosts.other}`)).toMatch(/^HTTP\/1\.1 403/)
    expect(await post(`http://${host}`)).toMatch(/^HTTP\/1\.1 200/)
  })
})

const connect = (to: string, ...fields: string[]): Promise<string> =>
  gateway.raw(
    `GET / HTTP/1.1\r\nHost: ${to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`,
  )

describe('a WebSocket', () => {
  const foreign = (own: string): string[] => [
    'null',
    '',
    'https://evil.test',
    `https://evil${own}`,
    `https://${own}.evil.test`,
    `https://${own}:444`,
    `https://${own}@evil.test`,
    `https://evil.test/${own}`,
    `https://evil.test?${own}`,
    `https://evil.test#.${own}`,
    `https://x.${own}`,
    `https://${domain}`,
    `https://${own.toUpperCase()}`,
    `https://${own}.`,
    `file://${own}`,
    `https://${socketHosts.other}`,
  ]

  it.each(['public', 'private'] as const)('to a %s port is refused to pages of other sites', async (mode) => {
    const before = gateway.dials.length
    const own = socketHosts[mode]
    const answers = await Promise.all(
      foreign(own).map((origin) => connect(own, `Cookie: gpulab-port=${token}`, `Origin: ${origin}`)),
    )
    expect(answers.map((answer) => answer.slice(0, 12))).toEqual(answers.map(() => 'HTTP/1.1 403'))
    expect(await connect(own, `Origin: http://${own}`, 'Origin: http://evil.test')).toMatch(/^HTTP\/1\.1 403/)
    expect(gateway.dials.length).toBe(before)
  })

  it('to a public port opens to its own pages, those of its other ports, and programs', async () => {
    const own = socketHosts.public
    const sibling = own.replace(/-\d+\./, '-1234.')
    for (const fields of [
      [`Origin: http://${own}`],
      [`Origin: https://${own}`],
      [`Origin: http://${sibling}`],
      [],
    ])
      expect(await connect(own, ...fields)).toMatch(/^HTTP\/1\.1 101/)
  })

  it('to a private port opens to its own pages with their cookie, and to programs with a key or link', async () => {
    const own = socketHosts.private
    const cookie = `Cookie: gpulab-port=${token}`
    expect(await connect(own)).toMatch(/^HTTP\/1\.1 401/)
    expect(await connect(own, `Origin: http://${own}`)).toMatch(/^HTTP\/1\.1 401/)
    expect(await connect(own, cookie)).toMatch(/^HTTP\/1\.1 403/)
    expect(await connect(own, cookie, `Origin: http://${own}`)).toMatch(/^HTTP\/1\.1 101/)
    expect(await connect(own, `api-key: ${key}`)).toMatch(/^HTTP\/1\.1 101/)
    const linked = await gateway.raw(
      `GET /?gpulab_access=${token} HTTP/1.1\r\nHost: ${own}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    expect(linked).toMatch(/^HTTP\/1\.1 101/)
    expect(sockets.heard.join('')).not.toContain('gpulab')
  })

  it('with a body is refused', async () => {
    expect(await connect(socketHosts.public, 'Content-Length: 1')).toMatch(/^HTTP\/1\.1 400/)
  })
})
