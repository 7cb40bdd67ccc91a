import type { Container } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openBrowser } from './src/open-browser.ts'
import { startSystem, type System } from './src/start-system.ts'
import { ttydScript } from './src/ttyd-script.ts'

interface Terminal {
  readonly url: string
  readonly websocket_url: string
  readonly token: string
}

let system: System
let container: Container
let browser: Browser
let page: Page
const asked = new Set<string>()
const troubles: string[] = []

beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem(), openBrowser()])
  container = await system.json<Container>(
    'deploy',
    '--name',
    'shell',
    '--template',
    'ubuntu-22.04',
    '--memory',
    '1',
    '--wait',
    '--command',
    'sleep infinity',
  )
  page = await browser.newPage()
  page.on('request', (request) => asked.add(new URL(request.url()).host))
  page.on('pageerror', (error) => troubles.push(error.message))
  page.on('dialog', (dialog) => {
    troubles.push(dialog.message())
    void dialog.dismiss()
  })
})
afterAll(async () => {
  await browser?.close()
  await system?.[Symbol.asyncDispose]()
})

const open = (): Promise<Terminal> => system.json<Terminal>('ssh', 'shell', '--web')
const text = async (): Promise<string> =>
  (await page.locator('.xterm-rows').innerText()).replaceAll('\u00a0', ' ')
const isOpen = (): Promise<unknown> => page.waitForSelector('body[data-state=open]', { timeout: 20_000 })
const shows = (pattern: RegExp): Promise<void> =>
  eventually(async () => expect(await text()).toMatch(pattern), { timeoutMs: 20_000 })
async function type(line: string): Promise<void> {
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
}

describe('the terminal page', () => {
  it('opens with a link, and shows what is typed and what comes back', async () => {
    const { url } = await open()
    await page.goto(url)
    await isOpen()
    expect(page.url()).toBe(`${new URL(url).origin}/`)
    await type('kept=yes; echo $((6 * 7))')
    await shows(/^42\s*$/m)
  })

  it('gives the program the size of the window', async () => {
    // It hears of the window a moment later.
    const untilSize = (pattern: string) => type(`until stty size | grep -x '${pattern}'; do sleep 0.1; done`)
    await page.setViewportSize({ width: 640, height: 400 })
    await untilSize('[0-9][0-9] [0-9][0-9]')
    await shows(/^\d\d \d\d\s*$/m)
    await page.setViewportSize({ width: 1400, height: 700 })
    await untilSize('[0-9][0-9] 1[0-9][0-9]')
    await shows(/^\d\d 1\d\d\s*$/m)
  })

  it('goes on after a reload, with what was on it', async () => {
    await page.reload()
    await isOpen()
    await shows(/^42\s*$/m)
    await type('echo "still:$kept"')
    await shows(/^still:yes\s*$/m)
  })

  it('goes on after the gateway was killed and started again', async () => {
    await type('sleep 4; echo "after:$kept"')
    await system.gateway.service.stop('SIGKILL')
    await system.startGateway(system.gateway.port)
    await isOpen()
    await eventually(async () => expect(await text()).toMatch(/^after:yes\s*$/m), { timeoutMs: 60_000 })
    await type('echo "typed:$kept"')
    await shows(/^typed:yes\s*$/m)
  })

  it('takes what programs print for text', async () => {
    await type(
      `printf '\\033]0;<img src=x onerror=alert(1)>\\007\\033]8;;javascript:alert(1)\\007link\\033]8;;\\007 <script>alert(1)</script>\\n'; echo done:$kept`,
    )
    await shows(/^done:yes\s*$/m)
    expect(await text()).toContain('<script>alert(1)</script>')
    await eventually(async () => expect(await page.title()).toContain('<img src=x'))
    await page
      .getByText('link', { exact: true })
      .first()
      .click({ force: true })
      .catch(() => {})
    expect(troubles).toEqual([])
  })

  it('asks nobody but its own address', () => {
    expect([...asked]).toEqual([new URL(page.url()).host])
  })

  it('says how the session has ended, and is not started anew by a reload', async () => {
    await type('exit 3')
    await eventually(async () => expect(await page.locator('#notice').innerText()).toContain('ended with 3'))
    await page.reload()
    await eventually(async () => expect(await page.locator('#notice').innerText()).toMatch(/new link|ended/))
  })
})

async function connect(terminal: Terminal, origin?: string): Promise<WebSocket> {
  const { host, port } = new URL(terminal.websocket_url)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'tty', {
    headers: { host, ...(origin !== undefined && { origin }) },
  })
  await once(socket, 'open')
  return socket
}

/** Of `ttydScript`. */
declare const client: {
  readonly output: string
  readonly preferences: readonly unknown[]
  readonly closes: readonly number[]
  readonly paused: number
  readonly type: (text: string) => void
  readonly resize: (columns: number, rows: number) => void
}

it("a page that speaks as ttyd's own does has a terminal, through floods, cuts and to its end", async () => {
  const theirs = await (await browser.newContext()).newPage()
  const { url } = await open()
  await theirs.goto(url)
  await theirs.waitForSelector('body[data-state=open]', { timeout: 20_000 })
  // From here on it has the cookie, and another script. Not another page: one that came from no address may not connect.
  await theirs.route('**/assets/*.js', (route) => {
    const body = route.request().url().endsWith('/xterm.js') ? ttydScript : ''
    return route.fulfill({ contentType: 'text/javascript', body })
  })
  await theirs.reload()
  const shows = (pattern: RegExp): Promise<void> =>
    eventually(async () => expect(await theirs.evaluate(() => client.output.slice(-5000))).toMatch(pattern), {
      timeoutMs: 60_000,
    })
  const type = (line: string): Promise<void> => theirs.evaluate((text) => client.type(text), `${line}\r`)

  const isConnected = (times: number): Promise<void> =>
    eventually(
      async () =>
        expect(await theirs.evaluate(() => client.preferences.length)).toBeGreaterThanOrEqual(times),
      { timeoutMs: 60_000 },
    )
  await isConnected(1)
  await type('kept=yes; stty size')
  await shows(/30 100\r\n/)
  expect(await theirs.title()).toContain('shell (')
  expect(await theirs.evaluate(() => client.preferences)).toEqual([{}])
  await theirs.evaluate(() => client.resize(90, 20))
  await type('stty size')
  await shows(/20 90\r\n/)

  // Less than what is kept of a terminal, which no reader holds back.
  await type('echo; seq 1 130000; echo end:$kept')
  await shows(/end:yes\r\n/)
  const { lines, paused } = await theirs.evaluate(() => ({
    lines: client.output.match(/^\d+\r$/gm)?.length,
    paused: client.paused,
  }))
  expect(lines).toBe(130_000)
  expect(paused).toBeGreaterThan(0)

  await system.gateway.service.stop('SIGKILL')
  await system.startGateway(system.gateway.port)
  await isConnected(2)
  await type('echo "again:$kept"')
  await shows(/again:yes\r\n/)
  await type('exit')
  await eventually(async () => expect(await theirs.evaluate(() => client.closes.at(-1))).toBe(1000), {
    timeoutMs: 20_000,
  })
  await theirs.context().close()
})

describe("ttyd's protocol", () => {
  it('is spoken as ttyd does', async () => {
    const terminal = await open()
    const socket = await connect(terminal)
    const heard: Buffer[] = []
    socket.on('message', (data: Buffer) => heard.push(data))
    socket.send(JSON.stringify({ AuthToken: terminal.token, columns: 100, rows: 30 }))
    const output = (): string =>
      Buffer.concat(heard.filter((part) => part[0] === 0x30).map((part) => part.subarray(1))).toString()
    await eventually(() => expect(output()).not.toBe(''))
    expect(heard.slice(0, 2).map((part) => String.fromCharCode(part[0] ?? 0))).toEqual(['1', '2'])
    socket.send('0stty size; echo $((2 + 3))\r')
    await eventually(() => expect(output()).toMatch(/30 100\r\n5\r\n/))
    socket.send('1{"columns":90,"rows":20}')
    socket.send('2')
    socket.send('0stty size\r')
    socket.send('3')
    await eventually(() => expect(output()).toContain('20 90\r\n'))
    socket.send('0exit\r')
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1000)
  })

  it('lets nobody in with a ticket that was used, is wrong or missing', async () => {
    const terminal = await open()
    const first = await connect(terminal)
    first.send(JSON.stringify({ AuthToken: terminal.token, columns: 80, rows: 24 }))
    await once(first, 'message')
    for (const hello of [{ AuthToken: terminal.token }, { AuthToken: 'wrong' }, { AuthToken: '' }, {}]) {
      const socket = await connect(terminal)
      socket.send(JSON.stringify(hello))
      const [code] = (await once(socket, 'close')) as [number]
      expect(code).toBe(1008)
    }
    const early = await connect(terminal)
    early.send('0id\r')
    expect((await once(early, 'close'))[0]).toBe(1008)
    first.close()
  })

  it('ends with the key that opened it, as does a command of the same key', async () => {
    const { stdout } = await system.gpulab(['api-keys', 'create', 'short', '-q'])
    const env = { GPULAB_API_KEY: stdout.trim() }
    const opened = await system.gpulab(['ssh', 'shell', '--web', '--json'], { env })
    const terminal = JSON.parse(opened.stdout) as Terminal
    const socket = await connect(terminal)
    socket.send(JSON.stringify({ AuthToken: terminal.token, columns: 80, rows: 24 }))
    await once(socket, 'message')
    const closed = once(socket, 'close')
    const command = system.gpulab(['exec', 'shell', '--', 'sh', '-c', 'touch /tmp/begun; sleep 600'], { env })
    await eventually(async () =>
      expect((await system.gpulab(['exec', 'shell', '--', 'ls', '/tmp/begun'])).code).toBe(0),
    )
    await system.gpulab(['api-keys', 'revoke', 'short', '--force'])
    expect((await closed)[0]).toBe(1008)
    expect(await command).toMatchObject({ code: 125, stderr: expect.stringContaining('API key') as string })
  })

  it.each(['null', 'https://evil.test', 'look-alike', 'port of the container'])(
    'is refused to pages of %s',
    async (what) => {
      const terminal = await open()
      const { host } = new URL(terminal.websocket_url)
      const origin = what.startsWith('look')
        ? `http://${host}.evil.test`
        : what.startsWith('port')
          ? `http://${host.replace('-terminal', '-8080')}`
          : what
      await expect(connect(terminal, origin)).rejects.toThrow('403')
    },
  )

  it('gives no token to who has no cookie', async () => {
    const { websocket_url: address } = await open()
    const { host, port } = new URL(address)
    expect(host).toContain(container.uuid)
    const answer = await page.request.get(`http://127.0.0.1:${port}/token`, { headers: { host } })
    expect(await answer.json()).toEqual({ token: '' })
  })
})
