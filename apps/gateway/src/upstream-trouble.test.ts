import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawUpstream, startRawUpstream } from '../test/raw-upstream.ts'
import { domain, startTestGateway, type TestGateway } from '../test/start-test-gateway.ts'

let gateway: TestGateway
const closers = new AsyncDisposableStack()

beforeAll(async () => {
  gateway = closers.use(await startTestGateway({ config: { answerTimeoutMs: 1000 } }))
})
afterAll(() => closers.disposeAsync())

async function serve(
  answer: Parameters<typeof startRawUpstream>[0],
): Promise<RawUpstream & { host: string }> {
  const upstream = closers.use(await startRawUpstream(answer))
  const uuid = gateway.addContainer({ [upstream.port]: 'public' })
  return { ...upstream, host: `${uuid}-${upstream.port}.${domain}` }
}

const get = (host: string, ...fields: string[]): string =>
  ['GET / HTTP/1.1', `Host: ${host}`, ...fields, '', ''].join('\r\n')
const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']

/** What came until the connection ended, and whether it was cut. */
async function exchange(text: string): Promise<{ answer: string; isCut: boolean }> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1' })
  let isCut = false
  let answer = ''
  socket.on('error', () => {
    isCut = true
  })
  socket.on('data', (part: Buffer) => {
    answer += part.toString('latin1')
  })
  socket.write(text)
  await once(socket, 'close')
  return { answer, isCut }
}

const head = 'HTTP/1.1 200 OK\r\n'
const cut = (text: string) => (socket: Socket) => void socket.write(text, () => socket.resetAndDestroy())
const end = (text: string) => (socket: Socket) => void socket.end(text)

describe('a service that gives no answer', () => {
  it.each<[string, (socket: Socket) => void, number, string]>([
    ['stalls', () => {}, 504, 'port_answer_timeout'],
    ['stalls in its header', (socket) => socket.write(`${head}X-A: `), 504, 'port_answer_timeout'],
    ['resets', (socket) => socket.resetAndDestroy(), 502, 'port_answer_invalid'],
    ['ends', end(''), 502, 'port_answer_invalid'],
    ['ends in its header', end(`${head}X-A: `), 502, 'port_answer_invalid'],
    ['has a huge header', end(`${head}X-A: ${'a'.repeat(70_000)}\r\n\r\n`), 502, 'port_answer_invalid'],
    ['has many fields', end(`${head}${'X-A: b\r\n'.repeat(20_000)}\r\n`), 502, 'port_answer_invalid'],
    ['speaks something else', end('SSH-2.0-OpenSSH_9.2\r\n'), 502, 'port_answer_invalid'],
    [
      'has a control character in its reason',
      end('HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'),
      502,
      'port_answer_invalid',
    ],
    [
      'has DEL in a field',
      end(`${head}X-A: b\x7fc\r\nContent-Length: 0\r\n\r\n`),
      502,
      'port_answer_invalid',
    ],
    ['has a status of 0', end('HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n'), 502, 'port_answer_invalid'],
    [
      'has a status below 100',
      end('HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'),
      502,
      'port_answer_invalid',
    ],
    ['has 101 for nothing', end('HTTP/1.1 101 Switching Protocols\r\n\r\nx'), 502, 'port_answer_invalid'],
    [
      'gives its length twice',
      end(`${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`),
      502,
      'port_answer_invalid',
    ],
    [
      'gives length and chunks',
      end(`${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      502,
      'port_answer_invalid',
    ],
  ])('and %s is told as such, for requests and WebSockets', async (_name, answer, status, code) => {
    const { host } = await serve(answer)
    for (const fields of [[], upgrade]) {
      const told = await exchange(get(host, ...fields, ...(fields.length > 0 ? [] : ['Connection: close'])))
      expect(told.answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*"code":"${code}"`))
    }
  })
})

it('switches to another protocol without being asked to, and its client is told', async () => {
  const { host } = await serve('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nx')
  const { answer } = await exchange(get(host, 'Connection: close'))
  expect(answer).toMatch(/^HTTP\/1\.1 502 [^]*"code":"port_answer_invalid"/)
})

describe('an answer that breaks off', () => {
  it.each([
    ['before its length', cut(`${head}Content-Length: 100\r\n\r\nhalf`)],
    ['before its length, politely', end(`${head}Content-Length: 100\r\n\r\nhalf`)],
    ['between chunks', end(`${head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`)],
    ['within a chunk', cut(`${head}Transfer-Encoding: chunked\r\n\r\n40\r\nhalf`)],
    ['without a length, by a reset', cut(`${head}Connection: close\r\n\r\nhalf`)],
  ])('%s is never taken for complete', async (_name, answer) => {
    const { host } = await serve(answer)
    const told = await exchange(get(host))
    expect(told.answer).toContain('half')
    // By length or chunks its client sees what is missing, or else by the reset.
    expect(told.isCut || !told.answer.endsWith('\r\n0\r\n\r\n')).toBe(true)
    expect(told.answer).toMatch(/content-length: 100|transfer-encoding: chunked/i)
  })

  it('without a length, by its end, is complete', async () => {
    const { host } = await serve(end(`${head}Connection: close\r\n\r\nwhole`))
    expect((await exchange(get(host, 'Connection: close'))).answer).toMatch(/whole\r\n0\r\n\r\n$/)
  })
})

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    '(%i) is passed on and never followed, for requests and WebSockets',
    async (status) => {
      const elsewhere = await startRawUpstream()
      closers.use(elsewhere)
      const location = `http://127.0.0.1:${elsewhere.port}/`
      const { host } = await serve(
        `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      )
      const before = gateway.dials.length
      for (const fields of [[], upgrade]) {
        const { answer } = await exchange(
          get(host, ...fields, ...(fields.length > 0 ? [] : ['Connection: close'])),
        )
        expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*location: ${location}`, 'i'))
      }
      expect(gateway.dials.length - before).toBe(2)
      expect(elsewhere.heard).toEqual([])
    },
  )
})

describe('a connection that is kept', () => {
  it('and was closed by the service is not what a request without a body fails with', async () => {
    const { host } = await serve((socket, nth) => {
      if (nth === 0) socket.write(`${head}Content-Length: 2\r\n\r\nok`)
      else socket.resetAndDestroy()
    })
    for (let n = 0; n < 3; n++) expect(await gateway.raw(get(host))).toMatch(/^HTTP\/1\.1 200 /)
    const post = ['POST / HTTP/1.1', `Host: ${host}`, 'Content-Length: 1', '', 'a'].join('\r\n')
    // It may have been done.
    expect(await gateway.raw(post)).toMatch(/^HTTP\/1\.1 502 /)
  })

  it('serves many requests, and never two at once', async () => {
    const { host } = await serve(`${head}Content-Length: 2\r\n\r\nok`)
    const before = gateway.dials.length
    for (let n = 0; n < 30; n++) expect(await gateway.raw(get(host))).toMatch(/^HTTP\/1\.1 200 /)
    expect(gateway.dials.length - before).toBe(1)
    await Promise.all(Array.from({ length: 40 }, () => gateway.raw(get(host))))
    expect(gateway.dials.length - before).toBeLessThanOrEqual(40)
  })
})

describe('a client that leaves', () => {
  it.each([
    ['before the answer', () => {}],
    ['in its middle', (socket: Socket) => void socket.write(`${head}Content-Length: 100\r\n\r\nhalf`)],
  ])('%s ends the request in the container too', async (_name, answer) => {
    let open = 0
    const { host } = await serve((socket) => {
      open++
      socket.once('close', () => open--)
      answer(socket)
    })
    const socket = connect({ port: gateway.port, host: '127.0.0.1' })
    socket.write(get(host))
    await eventually(() => expect(open).toBe(1))
    socket.destroy()
    await eventually(() => expect(open).toBe(0))
  })
})
