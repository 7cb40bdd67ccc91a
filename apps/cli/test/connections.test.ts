import { makeCertificate } from '@gpulab/testing'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { cat } from './fake-session.ts'
import { createFakeSessions } from './fake-sessions.ts'
import { runCli } from './run-cli.ts'

let fake: FakeApi
let dir: string
const lines = 'a line of input\n'.repeat(200_000)

beforeAll(async () => {
  fake = await startFakeApi()
  dir = await mkdtemp(join(tmpdir(), 'gpulab-connections-'))
})
afterAll(async () => {
  await fake.close()
  await rm(dir, { recursive: true })
})
beforeEach(() => {
  fake.state.sessions = Object.assign(createFakeSessions(), { program: () => cat })
})

const runCat = (url: string, env: Record<string, string> = {}, input = lines) =>
  runCli(['exec', '-i', 'my-training-job', '--', 'cat'], {
    env: { ...fake.env, ...env, GPULAB_API_URL: url },
    input,
  })

interface FrontOptions {
  /** Of its certificate; without any it speaks no TLS. */
  readonly names?: readonly string[]
  /** A request that has this in it is answered with 400. */
  readonly refused?: string
}

/** Stands before the API, and keeps the heads of the requests that came first on their connections. */
async function startFront({ names, refused = '\0' }: FrontOptions) {
  const heads: string[] = []
  const pass = (socket: Socket): void => {
    const api = connect(Number(new URL(fake.env['GPULAB_API_URL'] ?? '').port), '127.0.0.1')
    socket.on('error', () => {}).once('close', () => api.destroy())
    api.on('error', () => {}).once('close', () => socket.destroy())
    socket.once('data', (head: Buffer) => {
      heads.push(head.toString('latin1'))
      if (heads.at(-1)?.includes(refused)) {
        socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')
        return
      }
      api.write(head)
      socket.pipe(api).pipe(socket)
    })
  }
  const certificate = names && (await makeCertificate(dir, names))
  const server = certificate
    ? createTlsServer(
        { cert: await readFile(certificate.certFile), key: await readFile(certificate.keyFile) },
        pass,
      )
    : createServer(pass)
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `${certificate ? 'https' : 'http'}://localhost:${(server.address() as AddressInfo).port}`
  return { url, heads, env: certificate ? { NODE_EXTRA_CA_CERTS: certificate.caFile } : {} }
}

describe('a connection for bytes', () => {
  it('is a WebSocket where something in between knows of nothing else', async () => {
    const { url } = await startFront({ refused: 'gpulab-frames' })
    const { code, stdout } = await runCat(url)
    expect({ code, isWhole: stdout === lines }).toEqual({ code: 0, isWhole: true })
  })

  it('goes through TLS to whom the certificate is for', async () => {
    const { url, env } = await startFront({ names: ['localhost'] })
    const { code, stdout } = await runCat(url, env)
    expect({ code, isWhole: stdout === lines }).toEqual({ code: 0, isWhole: true })
  })

  it.each([
    ['another name', ['other.example'], true],
    ['an authority that is not known', ['localhost'], false],
  ])('says nothing to one with a certificate for %s', async (_, names, isKnown) => {
    const { url, heads, env } = await startFront({ names })
    const { code, stderr } = await runCat(url, isKnown ? env : {}, '')
    expect({ code, heads }).toEqual({ code: 125, heads: [] })
    expect(stderr).toMatch(/certificate/)
  })
})
