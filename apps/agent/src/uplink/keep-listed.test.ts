import { uplinkPath } from '@gpulab/contract'
import { createServer, createUplinks, createUplinkServer, takeUpgrade } from '@gpulab/http'
import { eventually, findFreePort } from '@gpulab/testing'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { keepListed } from './keep-listed.ts'

const timeoutMs = 15_000

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

/** A server that takes uplinks, and tells with what. */
async function startDoor(port: number) {
  const app = createServer({ logger: false })
  const credentials: (string | undefined)[] = []
  const uplinks = createUplinks()
  app.get(uplinkPath, async (request, reply) => {
    const upgrade = takeUpgrade(request, 'gpulab-uplink')
    if (!upgrade) return
    credentials.push(request.headers.authorization)
    reply.hijack()
    await uplinks.accept('host', upgrade.socket, upgrade.head)
  })
  await app.listen({ host: '127.0.0.1', port })
  const close = async (): Promise<void> => {
    uplinks.close()
    await app.close()
  }
  stack.defer(close)
  return { credentials, close }
}

/** The loop, told of these; every second of its waits takes a millisecond of ours. */
function start(listed: { gateways?: readonly string[]; replicas?: readonly string[] }, apiUrl: string) {
  const lines: { level: number; url: string; msg: string }[] = []
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
  )
  const app = createServer({ logger: false })
  const server = createUplinkServer(app)
  const stopping = new AbortController()
  let proofs = 0
  const toItems = (urls: readonly string[] = []) => urls.map((url) => ({ uplink_url: url }))
  const list = () =>
    Promise.resolve({
      gateways: toItems(listed.gateways),
      replicas: toItems(listed.replicas),
      ticket: 'ticket',
      expires_at: '2026-01-01T00:00:00.000Z',
    })
  const keeping = keepListed(
    {
      clock: { ...systemClock, wait: (ms, signal) => systemClock.wait(Math.ceil(ms / 1000), signal) },
      random: () => 0.5,
      control: { gateways: { list } },
      apiUrl,
      prove: () => Promise.resolve(`session-${++proofs}`),
      insecure: false,
      server,
      log,
    },
    stopping.signal,
  )
  stack.defer(async () => {
    stopping.abort()
    server.close()
    await keeping.catch(() => {})
    await app.close()
  })
  return { lines, server, proofs: () => proofs }
}

const toUrl = (port: number): string => `http://127.0.0.1:${port}`

describe('an agent', () => {
  it('dials gateways with a ticket, and replicas with a session, but not the API that it dials anyway', async () => {
    const [gateway, replica, api] = [await findFreePort(), await findFreePort(), await findFreePort()]
    const doors = await Promise.all([gateway, replica, api].map(startDoor))
    const { server } = start(
      { gateways: [toUrl(gateway)], replicas: [toUrl(replica), toUrl(api)] },
      `${toUrl(api)}/`,
    )
    await eventually(() => expect(server.count()).toBe(2), { timeoutMs })
    expect(doors.map(({ credentials }) => credentials)).toEqual([['Bearer ticket'], ['Bearer session-1'], []])
  })

  it('dials a replica again that comes back, and says once that it is away', async () => {
    const port = await findFreePort()
    const dead = toUrl(await findFreePort())
    const first = await startDoor(port)
    const { lines, proofs } = start({ replicas: [toUrl(port), dead] }, 'http://127.0.0.1:1')
    await eventually(() => expect(first.credentials).toHaveLength(1), { timeoutMs })
    await first.close()
    const failures = (level: number, url: string) =>
      lines.filter((line) => line.url === url && line.level === level && line.msg.includes('could not'))
    await eventually(() => expect(failures(20, toUrl(port)).length).toBeGreaterThan(3), { timeoutMs })
    const second = await startDoor(port)
    await eventually(() => expect(second.credentials).toHaveLength(1), { timeoutMs })
    expect(failures(40, toUrl(port))).toHaveLength(1)
    expect(failures(40, dead)).toHaveLength(1)
    // None for each attempt.
    expect(proofs()).toBe(1)
  })
})
