import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createClient, pathOf, type Transport, type TransportRequest } from './client.ts'
import { empty, endpoint, events, json } from './endpoint.ts'

const tree = {
  deep: {
    get: endpoint({
      method: 'GET',
      path: '/v1/a/:id/b',
      summary: 'Get it',
      scope: 'read',
      params: z.object({ id: z.string() }),
      query: z.object({ tag: z.array(z.string()).optional(), n: z.number().optional() }),
      result: json(z.object({ ok: z.boolean() })),
      errors: [],
    }),
    watch: endpoint({
      method: 'GET',
      path: '/v1/w',
      summary: 'Watch it',
      scope: 'read',
      result: events(z.object({ n: z.int() })),
      errors: [],
    }),
    drop: endpoint({
      method: 'DELETE',
      path: '/v1/d',
      summary: 'Drop it',
      scope: 'write',
      result: empty(),
      errors: [],
    }),
    make: endpoint({
      method: 'POST',
      path: '/v1/m',
      summary: 'Make it',
      scope: 'write',
      idempotency: 'replay',
      result: empty(),
      errors: [],
    }),
  },
}

function answering(status: number, body: string, times = 1): Transport & { requests: TransportRequest[] } {
  const requests: TransportRequest[] = []
  return {
    requests,
    request: async (request) => {
      requests.push(request)
      return {
        status,
        body: (async function* () {
          const chunk = new TextEncoder().encode(body)
          for (let n = 0; n < times; n++) yield chunk
        })(),
      }
    },
    connect: () => Promise.reject(new Error('no')),
  }
}

describe('a client', () => {
  it('fills in paths and queries, encoded', async () => {
    const transport = answering(200, '{"ok":true,"newer":1}')
    const client = createClient(tree, transport, { headers: { 'api-key': 'k' } })
    expect(await client.deep.get({ params: { id: 'x/y?' }, query: { tag: ['a', 'b c'] } })).toEqual({
      ok: true,
    })
    expect(transport.requests[0]).toMatchObject({
      method: 'GET',
      path: '/v1/a/x%2Fy%3F/b?tag=a&tag=b+c',
      headers: { 'api-key': 'k' },
    })
  })

  it('never sends a request whose path lacks a parameter', () => {
    expect(() => pathOf(tree.deep.get, { params: {} })).toThrow(/"id"/)
    expect(() => pathOf(tree.deep.get, { params: { id: '' } })).toThrow(/"id"/)
  })

  it('tells an answer that is not JSON from one that it does not understand', async () => {
    const call = (body: string) => createClient(tree, answering(200, body)).deep.get({ params: { id: 'x' } })
    await expect(call('<html>')).rejects.toMatchObject({
      code: 'answer_invalid',
      message: expect.stringContaining('not JSON') as string,
    })
    await expect(call('{"ok":"maybe"}')).rejects.toMatchObject({
      code: 'answer_invalid',
      hint: expect.stringContaining('newer') as string,
    })
  })

  it('tells its transport what a second request would do, and sends the key of a first one', async () => {
    const transport = answering(204, '')
    const client = createClient(tree, transport, { headers: { 'api-key': 'k' } })
    await client.deep.make({}, { idempotencyKey: 'first' })
    await client.deep.drop()
    expect(transport.requests[0]).toMatchObject({
      idempotency: 'replay',
      headers: { 'api-key': 'k', 'idempotency-key': 'first' },
    })
    expect(transport.requests[1]).not.toHaveProperty('idempotency')
    expect(transport.requests[1]?.headers).toEqual({ 'api-key': 'k' })
  })

  it('skips the empty lines that keep a stream open', async () => {
    const client = createClient(tree, answering(200, '\n{"n":1}\n\n{"n":2}'))
    expect(await Array.fromAsync(await client.deep.watch())).toEqual([{ n: 1 }, { n: 2 }])
  })

  it('wants answers in time as a whole, but streams only begun in time', async () => {
    const transport = answering(200, '{"ok":true}')
    const client = createClient(tree, transport)
    await client.deep.get({ params: { id: 'x' } })
    await client.deep.drop()
    await client.deep.watch()
    expect(transport.requests.map(({ isBodyTimed }) => isBodyTimed)).toEqual([true, true, false])
  })

  it('does not fill the memory with an answer', async () => {
    const client = createClient(tree, answering(200, ' '.repeat(1 << 20), 65))
    await expect(client.deep.get({ params: { id: 'x' } })).rejects.toMatchObject({
      code: 'answer_invalid',
      message: expect.stringContaining('64 MiB') as string,
    })
  })

  it('does not take the page of a proxy for leave to do something twice', async () => {
    const client = createClient(tree, answering(504, '<html>'))
    await expect(client.deep.make()).rejects.toMatchObject({ code: 'outcome_unknown', retryable: false })
    await expect(client.deep.drop()).rejects.toMatchObject({ code: 'api_unreachable', retryable: true })
  })
})
