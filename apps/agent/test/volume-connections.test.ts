import { agent } from '@gpulab/contract'
import { createServe, createServer } from '@gpulab/http'
import { eventually, makeCertificate } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer, json } from 'node:stream/consumers'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { base64, type OpenWorkers, openWorkers, uuid } from './open-workers.ts'

const mib = 2 ** 20
const content = randomBytes(24 * mib)
const silentMs = 2000

const open: OpenWorkers = await openWorkers(undefined, { idle: 8, all: 64, team: 16, silentMs })
afterAll(() => open[Symbol.asyncDispose]())

let closers: AsyncDisposableStack
beforeEach(() => {
  closers = new AsyncDisposableStack()
})
afterEach(() => closers.disposeAsync())

/** Serves the files as the agent does, on plain TCP unless told otherwise. */
async function serveFiles(tls?: { key: Buffer; cert: Buffer }) {
  const app = createServer({ logger: false, ...(tls && { tls }) })
  const serve = createServe(app, () => Promise.resolve(undefined))
  serve(agent.volumeFiles.read, open.files.read)
  serve(agent.volumeFiles.write, open.files.write)
  const sockets: Socket[] = []
  app.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => void sockets.push(socket))
  await app.listen({ host: '127.0.0.1', port: 0 })
  closers.defer(() => app.close())
  const { port } = app.server.address() as { port: number }
  return { port, sockets }
}

const url = (name: string, query: Record<string, string> = {}): string =>
  `/volumes/${uuid}/files/content?${new URLSearchParams({ path: base64(name), ...query })}`

async function get(port: number, name: string, options: http.RequestOptions = {}) {
  const outgoing = http.request({ host: '127.0.0.1', port, path: url(name), ...options }).end()
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  outgoing.once('response', resolve).once('error', reject)
  return promise
}

/** A request whose body can be written bit by bit. */
function put(port: number, name: string, bytes: number, headers: Record<string, string> = {}) {
  const socket = connect({ host: '127.0.0.1', port })
  closers.defer(() => void socket.destroy())
  socket.on('error', () => {})
  const fields = Object.entries({ host: 'x', 'content-length': String(bytes), ...headers })
  const path = url(name, { mode: '420', size: String(bytes) })
  const head = [`PUT ${path} HTTP/1.1`, ...fields.map(([key, value]) => `${key}: ${value}`), '', ''].join(
    '\r\n',
  )
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  const answered = eventuallyAnswered(() => answer)
  return { socket, head, answered }
}

async function eventuallyAnswered(answer: () => string): Promise<{ status: number; body: string }> {
  await eventually(() => expect(answer()).toMatch(/\r\n\r\n.*\}$/s), { timeoutMs: 30_000 })
  return { status: Number(answer().split(' ')[1]), body: answer().split('\r\n\r\n')[1] ?? '' }
}

const workerPid = (): number =>
  Number(
    readdirSync('/proc').find((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(open.root)
      } catch {
        return false
      }
    }),
  )
/** Files and connections that the process of the volume has open. */
function listHeld(): string[] {
  const folder = `/proc/${workerPid()}/fd`
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const connections = new Set(lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`))
  return readdirSync(folder).flatMap((fd) => {
    try {
      const target = readlinkSync(join(folder, fd))
      const isFile = target.startsWith(`${open.root}/`) || target.startsWith(`${open.staging}/`)
      return isFile || connections.has(target) ? [target] : []
    } catch {
      return []
    }
  })
}

describe('a large file on a plain connection', () => {
  it('comes out whole or in part, past the agent', async () => {
    await writeFile(join(open.root, 'a'), content)
    const { port, sockets } = await serveFiles()
    for (const [first, last] of [
      [0, content.length - 1],
      [3, 20 * mib],
      [mib + 1, content.length - 1],
    ] as const) {
      const answer = await get(port, 'a', { headers: { range: `bytes=${first}-${last}` } })
      expect(answer.statusCode).toBe(206)
      expect(content.subarray(first, last + 1).equals(await buffer(answer))).toBe(true)
    }
    const whole = await get(port, 'a')
    expect(whole.headers['content-length']).toBe(String(content.length))
    expect(content.equals(await buffer(whole))).toBe(true)
    expect(sockets.map(({ bytesWritten }) => bytesWritten > 10_000)).toEqual(sockets.map(() => false))
  })

  it('is cut where it shrinks meanwhile, or its caller or the process leaves', async () => {
    const { port } = await serveFiles()
    await writeFile(join(open.root, 'a'), content)
    const stalled = async () => {
      const answer = await get(port, 'a')
      await new Promise((resolve) => answer.once('readable', resolve))
      return answer
    }
    const left = await stalled()
    left.destroy()
    await eventually(() => expect(listHeld()).toEqual([]))
    const shrunk = await stalled()
    await truncate(join(open.root, 'a'), mib)
    await expect(buffer(shrunk)).rejects.toThrow('aborted')
    await eventually(() => expect(listHeld()).toEqual([]))
    await writeFile(join(open.root, 'a'), content)
    const killed = await stalled()
    process.kill(workerPid(), 'SIGKILL')
    await expect(buffer(killed)).rejects.toThrow('aborted')
    expect((await buffer(await get(port, 'a'))).length).toBe(content.length)
  })

  it.each([
    ['all at once', [content.length]],
    ['its head alone first', [0, content.length]],
    ['a little with its head', [10, 100, content.length]],
    ['in pieces that fill a buffer', [65_536, 65_536, 65_536, 65_536, content.length]],
    ['all but its last byte', [content.length - 1, 1]],
  ])('goes in as it is, sent %s', async (_, sizes) => {
    const { port, sockets } = await serveFiles()
    const { socket, head, answered } = put(port, 'b', content.length)
    socket.write(head)
    let sent = 0
    for (const size of sizes) {
      socket.write(content.subarray(sent, sent + size))
      sent += size
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await answered).toMatchObject({ status: 200 })
    expect(content.equals(await readFile(join(open.root, 'b')))).toBe(true)
    expect(sockets[0]?.bytesRead).toBeLessThan(2 * mib)
  })

  it('that is cut leaves what was there, and nothing beside it', async () => {
    await writeFile(join(open.root, 'b'), 'old')
    const { port, sockets } = await serveFiles()
    for (const cut of [
      ({ socket }: { socket: Socket }) => socket.end(),
      ({ socket }: { socket: Socket }) => socket.resetAndDestroy(),
      // As when the uplink has ended.
      () => sockets.at(-1)?.destroy(),
    ]) {
      const upload = put(port, 'b', content.length)
      upload.answered.catch(() => {})
      upload.socket.write(upload.head)
      upload.socket.write(content.subarray(0, 10 * mib))
      // The part of a file, and the connection.
      await eventually(() => expect(listHeld()).toHaveLength(2))
      cut(upload)
      await eventually(async () => expect(await readdir(open.staging)).toEqual([]))
      await eventually(() => expect(listHeld()).toEqual([]))
    }
    expect(await readFile(join(open.root, 'b'), 'utf8')).toBe('old')
  })

  it('is refused before it has come, and its connection then ends', async () => {
    await writeFile(join(open.root, 'b'), 'old')
    const { port } = await serveFiles()
    const { socket, head, answered } = put(port, 'b', content.length, { 'if-none-match': '*' })
    socket.write(head)
    socket.write(content)
    const { status, body } = await answered
    expect([status, JSON.parse(body)]).toMatchObject([412, { error: { code: 'precondition_failed' } }])
    await eventually(() => expect(listHeld()).toEqual([]))
    socket.end()
    await new Promise((resolve) => socket.once('close', resolve))
  })

  it.each([['SIGKILL'], ['SIGSTOP']] as const)(
    'whose process gets %s in the middle is given up',
    { timeout: 30_000 },
    async (signal) => {
      await writeFile(join(open.root, 'b'), 'old')
      const { port } = await serveFiles()
      await buffer(await get(port, 'b'))
      const { socket, head, answered } = put(port, 'b', content.length)
      socket.write(head)
      socket.write(content.subarray(0, 10 * mib))
      await eventually(async () => expect(await readdir(open.staging)).toHaveLength(1))
      process.kill(workerPid(), signal)
      const { body } = await answered
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'volume_unavailable' } })
      // The next finds what was left, and removes it.
      expect((await buffer(await get(port, 'b'))).toString()).toBe('old')
      expect(await readdir(open.staging)).toEqual([])
    },
  )
})

it('an encrypted connection stays with the agent', async () => {
  const { keyFile, certFile, ca } = await makeCertificate(open.outside, ['127.0.0.1'])
  const { port } = await serveFiles({ key: await readFile(keyFile), cert: await readFile(certFile) })
  const options = { host: '127.0.0.1', port, ca }
  const path = url('c', { mode: '420', size: String(content.length) })
  const headers = { 'content-length': content.length }
  const upload = https.request({ ...options, method: 'PUT', path, headers }).end(content)
  const [stored] = await new Promise<[http.IncomingMessage]>((resolve) =>
    upload.once('response', (response: http.IncomingMessage) => resolve([response])),
  )
  expect(await json(stored)).toMatchObject({ size_bytes: content.length })
  const download = https.request({ ...options, path: url('c') }).end()
  const answer = await new Promise<http.IncomingMessage>((resolve) => download.once('response', resolve))
  expect(content.equals(await buffer(answer))).toBe(true)
})
