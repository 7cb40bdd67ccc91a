import { bytes, empty, endpoint, GpulabError, json } from '@gpulab/contract'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createServer, type Server } from './create-server.ts'
import { createServe } from './serve.ts'

const endpoints = {
  plain: endpoint({
    method: 'POST',
    path: '/plain',
    summary: 'Take an object',
    scope: 'read',
    body: z.object({}),
    result: empty(),
    errors: [],
  }),
  streamed: endpoint({
    method: 'POST',
    path: '/streamed',
    summary: 'Count bytes',
    scope: 'read',
    body: bytes(),
    result: json(z.object({ length: z.int() })),
    errors: [],
  }),
  refused: endpoint({
    method: 'POST',
    path: '/refused',
    summary: 'Take nothing',
    scope: 'read',
    body: bytes(),
    result: empty(),
    errors: [],
  }),
}
const requestTimeoutMs = 300
let app: Server

beforeAll(async () => {
  app = createServer({ logger: false, requestTimeoutMs })
  const serve = createServe(app, async () => undefined)
  serve(endpoints.plain, () => new Promise((resolve) => setTimeout(resolve, 2 * requestTimeoutMs)))
  serve(endpoints.streamed, async ({ body }) => {
    let length = 0
    for await (const chunk of body) length += chunk.length
    return { length }
  })
  serve(endpoints.refused, () => Promise.reject(new GpulabError('invalid_request')))
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => app.close())

/** Says that it will send ten bytes, and sends one. */
async function begin(path: string, mediaType: string): Promise<Socket> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${mediaType}\r\ncontent-length: 10\r\n\r\n{`,
  )
  return socket
}

describe('a request that does not come to its end', () => {
  it('is cut when its time is over', async () => {
    const socket = await begin('/plain', 'application/json')
    await once(socket.resume(), 'close')
  })

  it('has as long as it likes where it is streamed to somebody', async () => {
    const socket = await begin('/streamed', 'application/octet-stream')
    const parts = Array.from({ length: 9 }, () => 'x')
    for (const part of parts) {
      await new Promise((resolve) => setTimeout(resolve, requestTimeoutMs / 4))
      socket.write(part)
    }
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/200 OK[\s\S]*{"length":10}/)
    socket.destroy()
  })

  it('is cut after its answer, though it would be streamed', async () => {
    const socket = await begin('/refused', 'application/octet-stream')
    expect((await buffer(socket)).toString()).toMatch(/400 Bad Request/)
  })
})

it('an answer may take longer than a request', async () => {
  const { port } = app.server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}/plain`, { method: 'POST' })
  expect(answer.status).toBe(204)
})
