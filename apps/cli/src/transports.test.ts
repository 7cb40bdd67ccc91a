import { GpulabError, type Transport, type TransportResponse } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport/http'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listAll } from './pages.ts'
import { resumeStream } from './resume-stream.ts'
import { withRetries } from './retry-transport.ts'
import { withStreamGuard } from './stream-guard.ts'

const call = { method: 'GET', path: '/', headers: { accept: 'application/x-ndjson' } }
const answer = (status: number): TransportResponse => ({ status, body: (async function* () {})() })
const refused = new GpulabError('api_unreachable', { cause: { code: 'ECONNREFUSED' } })
const unknownName = new GpulabError('api_unreachable', { cause: { code: 'ENOTFOUND' } })

/** Gives its answers one after the other. */
function scripted(answers: (number | Error)[]): { transport: Transport; calls: () => number } {
  let calls = 0
  const transport: Transport = {
    request: async () => {
      const next = answers[calls++] ?? 500
      if (next instanceof Error) throw next
      return answer(next)
    },
    connect: () => Promise.reject(new Error('not used')),
  }
  return { transport, calls: () => calls }
}

describe('withRetries', () => {
  it.each([
    ['GET', [refused, 503, 200], 200, 3],
    ['GET', [503, 503, 503], 503, 3],
    ['GET', [500], 500, 1],
    ['POST', [503], 503, 1],
  ])('%s of %j', async (method, answers, status, count) => {
    const { transport, calls } = scripted(answers)
    expect((await withRetries(transport).request({ ...call, method })).status).toBe(status)
    expect(calls()).toBe(count)
  })

  it.each([
    ['POST', refused, 1],
    ['GET', unknownName, 1],
    ['GET', refused, 3],
  ])('%s gives up on %s', async (method, error, count) => {
    const { transport, calls } = scripted([error, error, error])
    await expect(withRetries(transport).request({ ...call, method })).rejects.toBe(error)
    expect(calls()).toBe(count)
  })

  it('takes no longer than one request may', async () => {
    const { transport, calls } = scripted([refused, 200])
    await expect(withRetries(transport).request({ ...call, timeoutMs: 100 })).rejects.toBe(refused)
    expect(calls()).toBe(1)
  })
})

describe('withStreamGuard', () => {
  it('ends a stream that has gone silent, and its connection', async () => {
    const server = createServer((_request, response) => void response.write('\n'))
    onTestFinished(() => server.closeAllConnections())
    onTestFinished(() => void server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const connection = once(server, 'connection')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { body } = await withStreamGuard(createHttpTransport({ url }), 50).request(call)
    const [socket] = (await connection) as [Socket]
    await expect(Array.fromAsync(body)).rejects.toMatchObject({ code: 'api_unreachable', retryable: true })
    await expect.poll(() => socket.destroyed).toBe(true)
  })
})

describe('resumeStream', () => {
  const signal = new AbortController().signal
  const collect = async (stream: AsyncIterable<{ cursor: string | undefined }>) => {
    const seen: (string | undefined)[] = []
    for await (const { cursor } of stream) seen.push(cursor)
    return seen
  }

  it('goes on after the last cursor, and gives up after failures without progress', async () => {
    const opened: (string | undefined)[] = []
    const open = async (cursor?: string) =>
      (async function* () {
        opened.push(cursor)
        const next = Number(cursor ?? 0) + 1
        if (next <= 3) yield { cursor: String(next) }
        throw refused
      })()
    const stream = resumeStream(open, { signal, attemptsMax: 2, firstDelayMs: 1 })
    await expect(collect(stream)).rejects.toBe(refused)
    expect(opened).toEqual([undefined, '1', '2', '3'])
  })

  it('does not repeat what will not pass', async () => {
    const gone = new GpulabError('container_not_found')
    let opened = 0
    const stream = resumeStream(
      () => {
        opened++
        return Promise.reject(gone)
      },
      { signal },
    )
    await expect(collect(stream)).rejects.toBe(gone)
    expect(opened).toBe(1)
  })

  it('ends with the interruption', async () => {
    const controller = new AbortController()
    const interrupted = new GpulabError('interrupted')
    const stream = resumeStream(
      () => {
        controller.abort(interrupted)
        return Promise.reject(refused)
      },
      { signal: controller.signal },
    )
    await expect(collect(stream)).rejects.toBe(interrupted)
  })
})

describe('listAll', () => {
  it('reads every page', async () => {
    const pages: Record<string, { items: number[]; next_cursor: string | null }> = {
      '': { items: [1], next_cursor: 'a' },
      a: { items: [], next_cursor: 'b' },
      b: { items: [2], next_cursor: null },
    }
    expect(await listAll(async ({ cursor = '' }) => pages[cursor]!)).toEqual([1, 2])
  })
})
