import { createClient, duplex, endpoint, frameType, json } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
const dir = mkdtempSync(join(tmpdir(), 'gpulab-tls-'))
const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
let app: Server
let port: number

beforeAll(async () => {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  )
  app = createServer({ logger: false, tls: { key: readFileSync(key), cert: readFileSync(cert) } })
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
  rmSync(dir, { recursive: true })
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
      .get(`https://localhost:${port}/v1/hello`, { ca: readFileSync(cert) }, (response) => {
        response.setEncoding('utf8').on('data', resolve)
      })
      .on('error', reject)
  })
  expect(JSON.parse(body)).toEqual({ ok: true })
  const socket = new WebSocket(`wss://localhost:${port}/v1/echo`, { ca: readFileSync(cert) })
  await once(socket, 'open')
  socket.send(Buffer.of(frameType.stdin, 1, 2, 3))
  const [message] = (await once(socket, 'message')) as [Buffer]
  expect([...message]).toEqual([frameType.stdin, 1, 2, 3])
  socket.close()
})
