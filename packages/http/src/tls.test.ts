import { createClient, duplex, endpoint, frameType, json } from '@gpulab/contract'
import { type Certificate, makeCertificate } from '@gpulab/testing'
import { createHttpTransport } from '@gpulab/transport'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { createServe, createServer, type Server } from './index.ts'

const tree = {
  hello: endpoint({
    method: 'GET',
    path: '/v1/hello',
    summary: 'Say hello',
    scope: 'read',
    result: json(z.object({ ok: z.boolean() })),
    errors: [],
  }),
  echo: endpoint({
    method: 'GET',
    path: '/v1/echo',
    summary: 'Echo frames',
    scope: 'read',
    result: duplex(),
    errors: [],
  }),
}
let dir: string
let certificate: Certificate
let app: Server
let port: number

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gpulab-tls-'))
  certificate = await makeCertificate(dir, ['localhost'])
  const { keyFile, certFile } = certificate
  app = createServer({ logger: false, tls: { key: await readFile(keyFile), cert: await readFile(certFile) } })
  const serve = createServe(app, async () => null)
  serve(tree.hello, async () => ({ ok: true }))
  serve(tree.echo, async (_input, _context, open) => {
    const channel = await open()
    for await (const frame of channel.incoming) await channel.send(frame)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  ;({ port } = app.server.address() as AddressInfo)
})
afterAll(async () => {
  await app.close()
  await rm(dir, { recursive: true })
})

it('refuses a certificate that nobody vouches for, with the way to trust it', async () => {
  const client = createClient(tree, createHttpTransport({ url: `https://localhost:${port}` }))
  await expect(client.hello()).rejects.toMatchObject({
    code: 'api_unreachable',
    message: expect.stringContaining('NODE_EXTRA_CA_CERTS') as string,
  })
})

it('carries requests and sockets over TLS', async () => {
  const body = await new Promise<string>((resolve, reject) => {
    https
      .get(`https://localhost:${port}/v1/hello`, { ca: certificate.ca }, (response) => {
        response.setEncoding('utf8').on('data', resolve)
      })
      .on('error', reject)
  })
  expect(JSON.parse(body)).toEqual({ ok: true })
  const socket = new WebSocket(`wss://localhost:${port}/v1/echo`, { ca: certificate.ca })
  await once(socket, 'open')
  socket.send(Buffer.of(frameType.stdin, 1, 2, 3))
  const [message] = (await once(socket, 'message')) as [Buffer]
  expect([...message]).toEqual([frameType.stdin, 1, 2, 3])
  socket.close()
})
