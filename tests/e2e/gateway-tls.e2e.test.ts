import type { Container } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as sendRequest } from 'node:https'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { containerServer } from './src/container-server.ts'
import { openBrowser } from './src/open-browser.ts'
import { startSystem, type System, testEngine } from './src/start-system.ts'

/** In pages; the types of browsers would clash with Node's. */
declare const document: { cookie: string; readonly referrer: string }

let system: System
let browser: Browser
let context: BrowserContext
let page: Page
/** Whose page does what it can, and whose visitor is to be harmed. */
let evil: Container
let good: Container

beforeAll(async () => {
  const { node } = await ensureImages({ dockerHost: testEngine().dockerHost, keys: ['node'] })
  // All that is ever logged is looked at for secrets when the system ends.
  ;[system, browser] = await Promise.all([startSystem({ tls: true, logLevel: 'debug' }), openBrowser()])
  context = await browser.newContext({ ignoreHTTPSErrors: true })
  page = await context.newPage()
  const deploy = (name: string, ports: string): Promise<Container> => {
    const options = ['--name', name, '--image', node.reference, '--memory', '1', '--ports', ports, '--wait']
    return system.json<Container>('deploy', ...options, '--command', containerServer(8888))
  }
  ;[evil, good] = await Promise.all([deploy('evil', '8888,8889'), deploy('good', '8888:private,8889')])
  for (const name of ['evil', 'good']) {
    const ready = await system.gpulab(['wait', name, '--for', 'port:8889', '--timeout', '60s'])
    if (ready.code !== 0) throw new Error(ready.stderr)
  }
})
afterAll(async () => {
  await browser?.close()
  await system?.[Symbol.asyncDispose]()
})

const urlOf = (container: Container, port: number): string => container.ports[port] ?? ''
async function linkTo(name: string, port: number): Promise<string> {
  const { stdout } = await system.gpulab(['ports', 'url', name, String(port), '--ttl', '10m', '--json'])
  return (JSON.parse(stdout) as { url: string }).url
}

/** As a program that trusts the authority does. */
async function ask(
  address: string,
  headers: Record<string, string> = {},
  ca: string | undefined = system.ca,
): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  const { hostname, port, host, pathname, search } = new URL(address)
  const request = sendRequest({
    host: '127.0.0.1',
    port,
    servername: hostname,
    path: pathname + search,
    agent: false,
    headers: { host, ...headers },
    ...(ca !== '' && { ca }),
  })
  request.end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part as string
  return { status: answer.statusCode ?? 0, headers: answer.headers, text }
}

describe('a gateway with a certificate', () => {
  it('answers at the printed https URL to who trusts its authority, and to nobody else', async () => {
    expect(urlOf(evil, 8888)).toMatch(/^https:\/\/[0-9a-f-]{36}-8888\.proxy\.localhost:\d+$/)
    expect(await ask(urlOf(evil, 8888))).toMatchObject({ status: 200, text: 'hello from the container' })
    await expect(ask(urlOf(evil, 8888), {}, '')).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    const { text } = await ask(`${urlOf(evil, 8888)}/headers`)
    expect(JSON.parse(text)).toMatchObject({ 'x-forwarded-proto': 'https' })
  })

  it('makes a link a cookie that nobody else can set, for port and WebSocket', async () => {
    expect((await ask(urlOf(good, 8888))).status).toBe(401)
    const entry = await ask(await linkTo('good', 8888))
    const [cookie = ''] = entry.headers['set-cookie'] ?? []
    expect(cookie).toMatch(
      /^__Host-gpulab-port=gpulabgrant_[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    )
    const [pair = ''] = cookie.split(';')
    expect((await ask(urlOf(good, 8888), { cookie: pair })).status).toBe(200)
    expect((await ask(urlOf(good, 8888), { cookie: pair.replace('__Host-', '') })).status).toBe(401)
    const { host, port, hostname, origin } = new URL(urlOf(good, 8888))
    const options = { ca: system.ca ?? '', servername: hostname, headers: { host, cookie: pair, origin } }
    const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, options)
    await once(socket, 'open')
    socket.send('over TLS')
    expect(String((await once(socket, 'message'))[0])).toBe('over TLS')
    socket.terminate()
  })

  it('opens the terminal page, which goes on after a reload', async () => {
    const { url } = await system.json<{ url: string }>('ssh', 'good', '--web')
    await page.goto(url)
    await page.waitForSelector('body[data-state=open]', { timeout: 20_000 })
    const type = async (line: string): Promise<void> => {
      await page.locator('.xterm-helper-textarea').focus()
      await page.keyboard.type(`${line}\n`)
    }
    const shows = (pattern: RegExp): Promise<void> =>
      eventually(async () => expect(await page.locator('.xterm-rows').innerText()).toMatch(pattern), {
        timeoutMs: 20_000,
      })
    await type('kept=here; echo $((6 * 7))')
    await shows(/^42\s*$/m)
    await page.reload()
    await page.waitForSelector('body[data-state=open]', { timeout: 20_000 })
    await type('echo "still:$kept"')
    await shows(/^still:here\s*$/m)
    const cookies = (await context.cookies()).filter(({ domain }) => domain.includes('terminal'))
    expect(cookies).toMatchObject([
      { name: '__Host-gpulab-terminal', httpOnly: true, secure: true, sameSite: 'Strict' },
    ])
  })
})

/** What a page reads of the cookies that its own container got. */
const cookiesSeenBy = async (container: Container, port: number): Promise<string> => {
  await page.goto(`${urlOf(container, port)}/headers`)
  return (JSON.parse(await page.locator('body').innerText()) as { cookie?: string }).cookie ?? ''
}

describe('the page of a container, in a browser', () => {
  it('never sees how its visitor was let in to another', async () => {
    await page.goto(await linkTo('good', 8888))
    expect(page.url()).toBe(`${urlOf(good, 8888)}/`)
    expect(await page.evaluate(() => document.cookie + document.referrer)).toBe('')
    expect(await cookiesSeenBy(good, 8888)).toBe('')
    expect(await cookiesSeenBy(evil, 8888)).toBe('')
  })

  it('sets cookies for others and the whole domain, and changes nothing there', async () => {
    await page.goto(urlOf(evil, 8888))
    const names = ['gpulab-port', 'gpulab-terminal', 'api-key', 'authorization', 'session']
    await page.evaluate((wanted) => {
      for (const name of wanted.flatMap((each) => [each, `__Host-${each}`, `__host-${each}`])) {
        for (const scope of ['; Domain=proxy.localhost', '; Domain=.localhost', ''])
          for (const path of ['/', '/token', '/ws'])
            document.cookie = `${name}=tossed${scope}; Path=${path}; Secure`
      }
    }, names)
    const set = (await context.cookies()).filter(({ value }) => value === 'tossed')
    // So that what follows means something: some are there, for all hosts of the domain.
    expect(set.map(({ name, domain }) => `${name} ${domain}`)).toContain('gpulab-port .proxy.localhost')
    expect(set.filter(({ name, domain }) => name.startsWith('__Host-') && domain.startsWith('.'))).toEqual([])
    expect(set.filter(({ domain }) => domain.includes(good.uuid) || !domain.includes('proxy'))).toEqual([])
    // Its visitor still comes in there, and nothing of ours reaches either container.
    await page.goto(urlOf(good, 8888))
    expect(await page.locator('body').innerText()).toBe('hello from the container')
    for (const [container, port] of [
      [good, 8888],
      [evil, 8888],
    ] as const)
      expect(await cookiesSeenBy(container, port)).not.toMatch(/(^|; )(__Host-)?gpulab-/)
  })

  it('lets nobody in with cookies of its own making', async () => {
    const other = await browser.newContext({ ignoreHTTPSErrors: true })
    const visitor = await other.newPage()
    await visitor.goto(urlOf(evil, 8888))
    // A link that is good, for another port: its holder may plant it.
    const planted = new URL(await linkTo('evil', 8888)).searchParams.get('gpulab_access') ?? ''
    expect(planted).toMatch(/^gpulabgrant_/)
    await visitor.evaluate((value) => {
      for (const name of ['gpulab-port', '__Host-gpulab-port', 'gpulab-terminal'])
        document.cookie = `${name}=${value}; Domain=proxy.localhost; Path=/; Secure`
    }, planted)
    expect((await visitor.goto(urlOf(good, 8888)))?.status()).toBe(401)
    await visitor.goto(urlOf(good, 8888).replace('-8888', '-terminal'))
    const token = await visitor.evaluate(async () => (await fetch('/token')).json())
    expect(token).toEqual({ token: '' })
    await other.close()
  })

  it('gets nothing from other containers, their terminals or the API with what its visitor has', async () => {
    await page.goto(urlOf(evil, 8888))
    const terminal = urlOf(good, 8888).replace('-8888', '-terminal')
    const results = await page.evaluate(
      async ({ port, terminal, api }) => {
        const open = (url: string, protocols?: string[]): Promise<string> =>
          new Promise((resolve) => {
            const socket = new globalThis.WebSocket(url.replace(/^http/, 'ws'), protocols)
            socket.addEventListener('open', () => resolve('open'))
            socket.addEventListener('error', () => resolve('refused'))
          })
        const read = (url: string, init: RequestInit = {}): Promise<string> =>
          fetch(url, { credentials: 'include', ...init }).then(
            async (answer) => answer.text(),
            () => 'refused',
          )
        return {
          socket: await open(`${port}/ws`),
          terminal: await open(`${terminal}/ws`, ['gpulab.tty.v1', 'tty']),
          page: await read(`${port}/headers`),
          post: await read(port, { method: 'POST', mode: 'no-cors', body: 'x' }),
          token: await read(`${terminal}/token`),
          forget: await read(`${terminal}/token`, { method: 'DELETE' }),
          api: await read(`${api}/v1/containers`),
        }
      },
      { port: urlOf(good, 8888), terminal, api: system.apiUrl },
    )
    expect(results).toEqual({
      socket: 'refused',
      terminal: 'refused',
      page: 'refused',
      // Opaque; that it was refused is for the gateway's own tests.
      post: '',
      token: 'refused',
      forget: 'refused',
      api: 'refused',
    })
    // The terminal of its visitor is still theirs.
    expect((await context.cookies(terminal)).map(({ name }) => name)).toContain('__Host-gpulab-terminal')
  })
})
