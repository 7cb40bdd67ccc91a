import { GpulabError, type Transport, type TransportRequest, type TransportResponse } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport/http'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { listAll } from './pages.ts'
import { resumeStream } from './resume-stream.ts'
import { holdBody } from './hold-body.ts'
import { waitAskedFor, withRetries } from './retry-transport.ts'
import { withStreamGuard } from './stream-guard.ts'

const call = { method: 'GET', path: '/', headers: { accept: 'application/x-ndjson' } }
const answer = (status: number): TransportResponse => ({ status, body: (async function* () {})() })
const refused = new GpulabError('api_unreachable', { cause: { code: 'ECONNREFUSED' } })
const cut = new GpulabError('api_unreachable', { cause: { code: 'ECONNRESET' } })
const lost = new GpulabError('outcome_unknown', { cause: { code: 'ECONNRESET' } })
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
  const get = { method: 'GET' }
  const remove = { method: 'DELETE' }
  const keyed = { method: 'POST', idempotency: 'replay' } as const
  const once = { method: 'POST', idempotency: 'once' } as const
  const bare = { method: 'POST' }

  it.each<[Partial<TransportRequest>, (number | GpulabError)[], number]>([
    [get, [refused, 503, refused, refused, 200], 200],
    [get, [cut, 200], 200],
    [get, [503, 503, 503, 503, 503], 503],
    [get, [500], 500],
    [remove, [cut, 204], 204],
    [keyed, [refused, cut, 200], 200],
    [keyed, [429, 503, 200], 200],
    [keyed, [lost, 503, refused, cut, 502, 200], 200],
    [keyed, [409], 409],
    [once, [refused, refused, 200], 200],
    [bare, [refused, 200], 200],
    [once, [429], 429],
  ])('%j meets %s and ends with %d', async (request, answers, status) => {
    const { transport, calls } = scripted(answers)
    expect((await withRetries(transport, 1).request({ ...call, ...request })).status).toBe(status)
    expect(calls()).toBe(answers.length)
  })

  it.each<[Partial<TransportRequest>, (number | GpulabError)[], string]>([
    [get, [unknownName], 'api_unreachable'],
    [get, [refused, refused, refused, refused, refused], 'api_unreachable'],
    [keyed, [refused, refused, refused, refused, refused], 'api_unreachable'],
    [keyed, [lost, lost, lost, lost, lost, lost], 'outcome_unknown'],
    [keyed, [502, unknownName], 'outcome_unknown'],
    [keyed, [lost, refused, refused, refused, refused, refused], 'outcome_unknown'],
    [keyed, [lost, 503, 503, 503, 503, 503], 'outcome_unknown'],
    [once, [refused, lost], 'outcome_unknown'],
    [once, [cut], 'api_unreachable'],
    [once, [502], 'outcome_unknown'],
    [bare, [lost], 'outcome_unknown'],
    [{ ...keyed, body: (async function* () {})() }, [refused], 'api_unreachable'],
  ])('%j gives up after %s: %s', async (request, answers, code) => {
    const { transport, calls } = scripted(answers)
    await expect(withRetries(transport, 1).request({ ...call, ...request })).rejects.toMatchObject({ code })
    expect(calls()).toBe(answers.length)
  })

  it('keeps the answer of an API that says no in its own words', async () => {
    const body = JSON.stringify(new GpulabError('database_unavailable').toEnvelope())
    const answers = {
      status: 503,
      body: async function* () {
        yield new TextEncoder().encode(body)
      },
    }
    const transport: Transport = {
      request: async () => ({ ...answers, body: answers.body() }),
      connect: () => Promise.reject(new Error('not used')),
    }
    const { status, body: left } = await withRetries(transport, 1).request({ ...call, ...keyed })
    expect(status).toBe(503)
    expect(await text(left)).toBe(body)
  })

  it.each([
    [undefined, 0],
    ['2', 2000],
    ['Sun, 01 Mar 2026 10:00:05 GMT', 5000],
    ['Sun, 01 Mar 2026 09:00:00 GMT', 0],
    ['soon', 0],
  ])('reads Retry-After: %s', (value, waitMs) =>
    expect(
      waitAskedFor({ ...answer(429), headers: { 'retry-after': value } }, Date.parse('2026-03-01T10:00:00Z')),
    ).toBe(waitMs),
  )

  it('outlasts a server that is started anew', async () => {
    vi.useFakeTimers()
    try {
      const since = performance.now()
      const transport: Transport = {
        request: async () => {
          if (performance.now() - since < 2500) throw refused
          return answer(200)
        },
        connect: () => Promise.reject(new Error('not used')),
      }
      const asked = withRetries(transport).request({ ...call, ...keyed })
      await vi.advanceTimersByTimeAsync(5000)
      expect((await asked).status).toBe(200)
    } finally {
      vi.useRealTimers()
    }
  })

  it('takes no longer than one request may', async () => {
    const { transport, calls } = scripted([refused, 200])
    await expect(withRetries(transport).request({ ...call, timeoutMs: 100 })).rejects.toBe(refused)
    expect(calls()).toBe(1)
  })
})

describe('holdBody', () => {
  it.each([1, 9 << 20])('gives %d bytes back in their order, and ends its source', async (size) => {
    let isEnded = false
    const source = (async function* () {
      try {
        for (let sent = 0; sent < size; sent += 1 << 20)
          yield Buffer.alloc(Math.min(size, 1 << 20), sent >> 20)
      } finally {
        isEnded = true
      }
    })()
    const { body } = await holdBody(source)
    const bytes = await buffer(body)
    expect(bytes).toHaveLength(size)
    expect(bytes.at(-1)).toBe((size - 1) >> 20)
    expect(isEnded).toBe(true)
  })

  it('ends a source that nobody reads to its end', async () => {
    let isEnded = false
    const source = (async function* () {
      try {
        for (;;) yield Buffer.alloc(1 << 20)
      } finally {
        isEnded = true
      }
    })()
    const { body } = await holdBody(source)
    for await (const _ of body) break
    expect(isEnded).toBe(true)
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
