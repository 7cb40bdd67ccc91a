import type { Transport, TransportRequest } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { createAuthorizedTransport } from './authorized-transport.ts'

/** A server that takes one token, and a source of tokens that gives the listed ones in turn. */
function setUp(good: string, tokens: string[]) {
  const seen: (string | undefined)[] = []
  const server: Transport = {
    request: async ({ headers }) => {
      seen.push(headers['authorization'])
      return { status: headers['authorization'] === `Bearer ${good}` ? 200 : 401, body: none() }
    },
    connect: () => Promise.reject(new Error('unused')),
  }
  const credential = {
    token: async () => tokens[0] ?? 'none',
    refuse: (token: string) => void (tokens[0] === token && tokens.shift()),
  }
  return { seen, transport: createAuthorizedTransport(server, credential) }
}

async function* none(): AsyncGenerator<Uint8Array> {}

const call = (body?: TransportRequest['body']): TransportRequest => ({
  method: 'POST',
  path: '/',
  headers: { 'x-other': '1' },
  ...(body !== undefined && { body }),
})

describe('an authorized request', () => {
  it('carries the present token', async () => {
    const { seen, transport } = setUp('a', ['a'])
    expect((await transport.request(call('{}'))).status).toBe(200)
    expect(seen).toEqual(['Bearer a'])
  })

  it('is sent once more with a new token, and not again', async () => {
    const renewed = setUp('b', ['a', 'b'])
    expect((await renewed.transport.request(call('{}'))).status).toBe(200)
    const refused = setUp('z', ['a', 'b', 'z'])
    expect((await refused.transport.request(call())).status).toBe(401)
    expect(refused.seen).toEqual(['Bearer a', 'Bearer b'])
  })

  it('whose body is a stream is not sent twice, but the next one has a new token', async () => {
    const { seen, transport } = setUp('b', ['a', 'b'])
    expect((await transport.request(call(none()))).status).toBe(401)
    expect((await transport.request(call('{}'))).status).toBe(200)
    expect(seen).toEqual(['Bearer a', 'Bearer b'])
  })
})
