import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { probeApi } from './probe-api.ts'

let server: Server
let url: string
let date: string | undefined
let asked: string[]

beforeEach(async () => {
  date = undefined
  asked = []
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (date !== undefined) response.setHeader('date', date)
    if (request.url?.startsWith('/moved')) response.writeHead(302, { location: '/healthz' })
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => server.close())

describe('the control plane', () => {
  it('answers, and shows how far the clocks are apart', async () => {
    const { answer, plain } = await probeApi(url, false)
    expect(plain).toBe(false)
    expect(answer).toMatchObject({ status: 200 })
    expect(Math.abs('status' in answer ? (answer.clockOffsetMs ?? NaN) : NaN)).toBeLessThan(2000)
    date = new Date(Date.now() + 3_600_000).toUTCString()
    const later = (await probeApi(url, false)).answer
    expect('status' in later && Math.round((later.clockOffsetMs ?? 0) / 60_000)).toBe(-60)
  })

  it('below a path is asked there, and its redirects are not followed', async () => {
    expect((await probeApi(`${url}/moved/`, false)).answer).toMatchObject({ status: 302 })
    expect(asked).toEqual(['/moved/healthz'])
  })

  it.each(['http://192.0.2.1', 'ftp://x'])('at %s is not asked', async (address) => {
    expect((await probeApi(address, false)).answer).toHaveProperty('error')
  })

  it('that is not there is told in plain words', async () => {
    const { answer } = await probeApi('http://127.0.0.1:1', false)
    expect(answer).toEqual({ error: 'http://127.0.0.1:1 does not answer: nothing listens there.' })
  })

  it('that is not there, is no HTTP server or speaks no TLS is a failure', async () => {
    const port = new URL(url).port
    for (const address of ['http://127.0.0.1:1', 'unix:/nonexistent.sock', `https://127.0.0.1:${port}`]) {
      expect((await probeApi(address, false)).answer).toHaveProperty('error')
    }
  })
})
