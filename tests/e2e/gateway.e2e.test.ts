import type { Container } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { eventually, run } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request as sendRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { containerServer } from './src/container-server.ts'
import { startSystem, testEngine, type System } from './src/start-system.ts'

let system: System
let container: Container
let url: string

beforeAll(async () => {
  const { node } = await ensureImages({ dockerHost: testEngine().dockerHost, keys: ['node'] })
  system = await startSystem()
  container = await deploy('served', node.reference)
  url = container.ports['8888'] ?? ''
})
afterAll(() => system?.[Symbol.asyncDispose]())

async function deploy(name: string, image: string): Promise<Container> {
  const made = await system.json<Container>(
    'deploy',
    '--name',
    name,
    '--image',
    image,
    '--memory',
    '1',
    '--ports',
    '8888,8889,8890',
    '--wait',
    '--command',
    containerServer(8888),
  )
  await eventually(
    async () => {
      const { stdout } = await system.gpulab(['logs', name])
      expect(stdout).toContain('serving')
    },
    { timeoutMs: 30_000 },
  )
  return made
}

/** As a browser does: the name leads to this machine, and goes along as the Host. */
async function ask(
  address: string,
  { headers = {}, body, method }: { headers?: Record<string, string>; body?: Buffer; method?: string } = {},
): Promise<{ status: number; text: string; headers: IncomingMessage['headers'] }> {
  const answer = await open(address, { headers, body, method })
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  return { status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString(), headers: answer.headers }
}

async function open(
  address: string,
  {
    headers = {},
    body,
    method = body ? 'POST' : 'GET',
    at,
  }: {
    headers?: Record<string, string>
    body?: Buffer | undefined
    method?: string | undefined
    at?: number
  } = {},
): Promise<IncomingMessage> {
  const { hostname, port, host, pathname, search } = new URL(address)
  expect(hostname).toMatch(/\.proxy\.localhost$/)
  const request = sendRequest({
    host: '127.0.0.1',
    port: at ?? port,
    path: pathname + search,
    method,
    headers: { host, ...headers },
    agent: false,
  })
  request.end(body)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  return answer
}

describe('the URL that deploy has printed', () => {
  it('answers, whether the service listens on all addresses or on loopback only', async () => {
    expect(await ask(url)).toMatchObject({ status: 200, text: 'hello from the container' })
    expect(await ask(container.ports['8889'] ?? '')).toMatchObject({ status: 200 })
    const { stdout } = await run('curl', ['--silent', '--show-error', '--noproxy', '*', url])
    expect(stdout).toBe('hello from the container')
    const shown = await system.json<Container>('inspect', 'served')
    expect(shown.ports).toEqual(container.ports)
  })

  it('takes a body as it comes, and gives one back', async () => {
    const body = randomBytes(3 << 20)
    const answer = await open(`${url}/echo`, { body, method: 'PUT' })
    expect(answer.headers['x-method']).toBe('PUT')
    const parts: Buffer[] = []
    for await (const part of answer) parts.push(part as Buffer)
    expect(Buffer.concat(parts).equals(body)).toBe(true)
  })

  it('answers on a new connection when the service has closed the one that was kept', async () => {
    expect((await ask(`${url}/leave`)).text).toBe('bye')
    // Both ends of it.
    await eventually(async () => expect((await ask(`${url}/left`)).text).toBe('1'))
    expect((await ask(`${url}/echo`, { body: Buffer.from('again') })).text).toBe('again')
  })

  it('passes a WebSocket on, small and large messages', async () => {
    const { host, port } = new URL(url)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { host } })
    await once(socket, 'open')
    for (const length of [0, 5, 70_000, 2 << 20]) {
      const sent = randomBytes(length)
      socket.send(sent)
      const [heard] = (await once(socket, 'message')) as [Buffer]
      expect(heard.equals(sent)).toBe(true)
    }
    socket.close()
    await once(socket, 'close')
  })

  it('holds a long poll until there is news', async () => {
    let done = 0
    const polls = Array.from({ length: 20 }, async () => {
      const { text } = await ask(`${url}/poll`)
      done++
      return text
    })
    await eventually(async () => {
      await ask(`${url}/wake`)
      expect(done).toBe(20)
    })
    expect(await Promise.all(polls)).toEqual(polls.map(() => 'news'))
  })

  it('passes server-sent events on one by one, and the end of the reader', async () => {
    const answer = await open(`${url}/sse`)
    let events = 0
    // The next one is written once this one has come.
    for await (const part of answer.setEncoding('utf8')) {
      expect(part).toBe(`data: ${events}\n\n`)
      if (++events === 5) break
      expect((await ask(`${url}/event?data=${events}`)).text).toBe('sent')
    }
    expect(events).toBe(5)
    await eventually(async () => expect((await ask(`${url}/event?data=5`)).text).toBe('nobody'))
  })

  it('downloads a gibibyte without holding it', async () => {
    const pids = [system.gateway.service.pid, system.agent.pid]
    const before = await Promise.all(pids.map(residentBytes))
    const answer = await open(`${url}/big?mib=1024`)
    let length = 0
    let most = before
    for await (const part of answer) {
      length += (part as Buffer).length
      if (length % (64 << 20) < (part as Buffer).length) {
        const now = await Promise.all(pids.map(residentBytes))
        most = most.map((bytes, index) => Math.max(bytes, now[index] ?? 0))
      }
    }
    expect(length).toBe(1024 << 20)
    for (const [index, bytes] of most.entries()) expect(bytes - (before[index] ?? 0)).toBeLessThan(150 << 20)
  })
})

describe('a client that stops reading', () => {
  /** Asks, and takes nothing of the answer. */
  async function stall(path: string, ...fields: string[]): Promise<Socket> {
    const { host, port } = new URL(url)
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    closers.push(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write([`GET ${path} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n'))
    return socket.pause()
  }
  const closers: (() => void)[] = []
  afterAll(() => closers.forEach((close) => close()))

  it('of an answer, a WebSocket or a terminal holds the sender back, and nobody else', async () => {
    const pids = [system.gateway.service.pid, system.agent.pid]
    const before = await Promise.all(pids.map(residentBytes))
    for (let n = 0; n < 30; n++) await stall('/big?mib=1024')

    const { host, port } = new URL(url)
    const echo = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { host } })
    closers.push(() => echo.terminate())
    await once(echo, 'open')
    echo.pause()
    let taken = 0
    for (let n = 0; n < 512; n++) echo.send(Buffer.alloc(1 << 20), () => taken++)

    const shell = await system.json<{ websocket_url: string; token: string }>('ssh', 'served', '--web')
    const terminal = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'gpulab.tty.v1', {
      headers: { host: new URL(shell.websocket_url).host },
    })
    closers.push(() => terminal.terminate())
    await once(terminal, 'open')
    terminal.send(JSON.stringify({ AuthToken: shell.token, columns: 80, rows: 24 }))
    await once(terminal, 'message')
    terminal.pause()
    terminal.send(Buffer.from('\0yes\r'))

    // Until nothing moves any more: what is on its way is all that there will be.
    let held = -1
    await eventually(
      async () => {
        const now = taken
        const isStill = now === held
        held = now
        await wait(500)
        if (!isStill || now === 0) throw new Error(`${now} messages were taken`)
      },
      { timeoutMs: 60_000 },
    )
    expect(taken).toBeLessThan(128)
    expect(await ask(url)).toMatchObject({ status: 200 })
    const answer = await open(`${url}/big?mib=64`)
    let length = 0
    for await (const part of answer) length += (part as Buffer).length
    expect(length).toBe(64 << 20)
    const after = await Promise.all(pids.map(residentBytes))
    for (const [index, bytes] of after.entries()) expect(bytes - (before[index] ?? 0)).toBeLessThan(200 << 20)
  })
})

async function tell(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await system.gpulab([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

describe('a private port', () => {
  it('opens to a key and to a link, and closes again', async () => {
    await tell('ports', 'set', 'served', '8888', '8890:private', '8889:private')
    const shut = container.ports['8889'] ?? ''
    await eventually(async () => expect((await ask(shut)).status).toBe(401), { timeoutMs: 15_000 })
    expect((await ask(shut, { headers: { 'api-key': system.apiKey } })).status).toBe(200)
    const { url: link } = (await tell('ports', 'url', 'served', '8889', '--ttl', '5m')) as { url: string }
    const entry = await ask(link)
    expect(entry).toMatchObject({ status: 302, headers: { location: '/' } })
    const cookie = entry.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
    expect(await ask(shut, { headers: { cookie } })).toMatchObject({ status: 200 })
    const { text } = await ask(`${shut}/headers`, { headers: { cookie: `own=1; ${cookie}` } })
    expect(JSON.parse(text)).toMatchObject({ cookie: 'own=1' })
    expect((await ask(url, { headers: { cookie } })).status).toBe(200)
    await tell('ports', 'set', 'served', '8888', '8889', '8890')
    await eventually(async () => expect((await ask(shut)).status).toBe(200), { timeoutMs: 15_000 })
  })
})

describe('what is in the way', () => {
  it('is told to browsers as a page, to others as JSON', async () => {
    const page = await ask(container.ports['8890'] ?? '', { headers: { accept: 'text/html' } })
    expect(page.status).toBe(502)
    expect(page.text).toContain('http-equiv="refresh"')
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    const codes = async (address: string): Promise<string> =>
      (JSON.parse((await ask(address)).text) as { error: { code: string } }).error.code
    expect(await codes(container.ports['8890'] ?? '')).toBe('port_closed')
    expect(await codes(url.replace('-8888', '-22'))).toBe('port_not_found')
    expect(await codes(url.replace(/[0-9a-f]{12}-/, '000000000000-'))).toBe('container_not_found')
    expect(await codes(`${url}/reset`)).toBe('port_answer_invalid')
    expect(await codes(`${url}/huge`)).toBe('port_answer_invalid')
    expect(await codes(`${url}/stall`)).toBe('port_answer_timeout')
    expect(await ask(`${url}/redirect`)).toMatchObject({
      status: 302,
      headers: { location: 'http://169.254.169.254/' },
    })
    await expect(ask(`${url}/half`)).rejects.toMatchObject({ code: 'ECONNRESET' })
    const { headers } = await ask(`${url}/cookie`)
    expect(headers['set-cookie']).toEqual(['own=1; Path=/', 'tossed=1; Path=/'])
  })

  it('is no restart of a gateway, and another gateway answers too', async () => {
    const second = await system.startGateway()
    await eventually(async () => expect((await open(url, { at: second.port })).statusCode).toBe(200), {
      timeoutMs: 40_000,
    })
    await system.gateway.service.stop('SIGKILL')
    expect((await open(url, { at: second.port })).statusCode).toBe(200)
    await system.startGateway(system.gateway.port)
    await eventually(async () => expect((await ask(url)).status).toBe(200), { timeoutMs: 40_000 })
  })

  it('is the status of a container that was stopped', async () => {
    await system.json('stop', 'served', '--wait')
    await eventually(
      async () => {
        const { status, text } = await ask(url)
        expect(status).toBe(409)
        expect(text).toContain('stopped')
      },
      { timeoutMs: 20_000 },
    )
  })
})

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}
