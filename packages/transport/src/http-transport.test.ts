import { type Transport, type TransportRequest, type TransportResponse } from '@gpulab/contract'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpTransport } from './http-transport.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** A server of bare TCP that does as told once a request's first bytes are there. */
async function listen(onRequest: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', () => onRequest(socket)).resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const connect = async (onRequest: (socket: Socket) => void): Promise<Transport> =>
  createHttpTransport({ url: `http://127.0.0.1:${await listen(onRequest)}` })

const call = (overrides: Partial<TransportRequest> = {}): TransportRequest => ({
  method: 'POST',
  path: '/',
  headers: {},
  ...overrides,
})
const readAll = async (answer: Promise<TransportResponse>): Promise<string> => text((await answer).body)

const cut = (socket: Socket): void => void socket.destroy()
const half = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'
const unknown = { code: 'outcome_unknown', retryable: false, exitCode: 7 }
const unreachable = { code: 'api_unreachable', retryable: true }

describe('a connection that is cut after the request was sent', () => {
  it.each([
    ['POST', unknown],
    ['PATCH', unknown],
    ['GET', unreachable],
    ['DELETE', unreachable],
  ])('leaves open what a %s did, if that matters', async (method, error) => {
    const transport = await connect(cut)
    await expect(transport.request(call({ method }))).rejects.toMatchObject(error)
  })

  it('does so in the middle of the answer too', async () => {
    const transport = await connect((socket) => socket.end(half))
    await expect(readAll(transport.request(call()))).rejects.toMatchObject(unknown)
    await expect(readAll(transport.request(call({ method: 'GET' })))).rejects.toMatchObject(unreachable)
  })
})

describe('a request that never arrived', () => {
  it('may be repeated when nothing listens', async () => {
    const transport = createHttpTransport({ url: 'http://127.0.0.1:1' })
    await expect(transport.request(call({ body: '{}' }))).rejects.toMatchObject(unreachable)
  })

  it('may be repeated when TLS was never agreed on', async () => {
    const url = `https://127.0.0.1:${await listen(() => {})}`
    const request = createHttpTransport({ url }).request(call({ body: '{}', timeoutMs: 200 }))
    await expect(request).rejects.toMatchObject(unreachable)
  })

  it('may be repeated when its body was cut short', async () => {
    const transport = await connect(cut)
    const body = (async function* () {
      yield new Uint8Array(1)
      await new Promise<never>(() => {})
    })()
    await expect(transport.request(call({ body }))).rejects.toMatchObject(unreachable)
  })
})

describe('the time of a request', () => {
  const lateAfter = (seconds: number) => ({
    message: expect.stringContaining(`no answer within ${seconds} s`) as string,
  })
  const late = lateAfter(0.2)
  const timeoutMs = 200
  /** For what is to be answered in time on a busy machine. */
  const patientMs = 1000

  it('ends the wait for the head', async () => {
    const transport = await connect(() => {})
    await expect(transport.request(call({ timeoutMs }))).rejects.toMatchObject({ ...unknown, ...late })
    const reading = transport.request(call({ method: 'GET', timeoutMs }))
    await expect(reading).rejects.toMatchObject({ ...unreachable, ...late })
  })

  it.each([
    ['an answer that is timed as a whole', half, { isBodyTimed: true }],
    ['an error', half.replace('200 OK', '503 No'), {}],
  ])('ends the wait for the body of %s', async (_name, answer, options) => {
    const transport = await connect((socket) => socket.write(answer))
    const reading = readAll(transport.request(call({ method: 'GET', timeoutMs, ...options })))
    await expect(reading).rejects.toMatchObject({ ...unreachable, ...late })
  })

  it('is lost once to connections that went deaf together, not once for each of them', async () => {
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
    let isDeaf = false
    const transport = await connect((socket) => {
      socket.write(answer)
      // Later requests on it find nobody, as after a partition that nobody was told of.
      socket.on('data', () => isDeaf || socket.write(answer))
    })
    const ask = () => readAll(transport.request(call({ method: 'GET', timeoutMs: patientMs })))
    await Promise.all([ask(), ask(), ask()])
    isDeaf = true
    await expect(ask()).rejects.toMatchObject({ ...unreachable, ...lateAfter(patientMs / 1000) })
    expect(await ask()).toBe('ok')
  })

  it('does not end a stream', async () => {
    const transport = await connect((socket) => {
      socket.write(half)
      setTimeout(() => socket.write(' more'), 3 * patientMs)
    })
    expect(await readAll(transport.request(call({ method: 'GET', timeoutMs: patientMs })))).toBe('half more')
  })
})
