import { agent, GpulabError, type Session } from '@gpulab/contract'
import { createServe } from '@gpulab/http'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { domain, startTestGateway, type TestGateway } from '../../test/start-test-gateway.ts'

const id = randomUUID()
let gateway: TestGateway
let uuid: string
let refusal: GpulabError | undefined
/** What the session has yet to start for. */
let starting: Promise<void>
const host = { creating: 0, attached: 0, left: 0 }

const expiresAt = new Date(Date.now() + 60_000).toISOString()

beforeAll(async () => {
  gateway = await startTestGateway({
    control: {
      openTerminal: () => Promise.resolve({ session_id: id, pass: 'first', expires_at: expiresAt }),
      renewTerminal: () =>
        refusal
          ? Promise.reject(refusal)
          : Promise.resolve({ session_id: id, ticket: 'next', expires_at: expiresAt }),
    },
    extendHost: (app) => {
      const serve = createServe(app, () => Promise.resolve(undefined))
      serve(agent.sessions.create, async ({ params }) => {
        host.creating++
        await starting
        return toSession(params.uuid)
      })
      serve(agent.sessions.attach, async (_input, _context, open) => {
        const channel = await open()
        host.attached++
        for await (const _frame of channel.incoming);
        host.left++
      })
    },
  })
  uuid = gateway.addContainer({})
})
afterAll(() => gateway?.[Symbol.asyncDispose]())
beforeEach(() => {
  Object.assign(host, { creating: 0, attached: 0, left: 0 })
  refusal = undefined
  starting = Promise.resolve()
  // Those that were set before are real.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => void vi.useRealTimers())

const toSession = (container: string): Session => ({
  id,
  container_uuid: container,
  command: null,
  tty: true,
  stdin: true,
  detached: false,
  user: null,
  state: 'running',
  started_at: expiresAt,
  ended_at: null,
  exit_code: null,
  signal: null,
  reason: null,
  message: null,
  first_offset: 0,
  end_offset: 0,
  attached: false,
  transport: 'guest',
})

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`, ['tty'], {
    headers: { host: `${uuid}-terminal.${domain}` },
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ AuthToken: 'a ticket', columns: 80, rows: 24 }))
  return socket
}

it.each(['terminal_ticket_invalid', 'container_not_found'] as const)(
  'a terminal is cut, here and on the host, at %s',
  async (code) => {
    const socket = await open()
    await eventually(() => expect(host.attached).toBe(1))
    const closed = once(socket, 'close')
    refusal = new GpulabError(code)
    await eventually(async () => {
      await vi.advanceTimersByTimeAsync(15_000)
      expect(socket.readyState).toBe(socket.CLOSED)
    })
    const [status, reason] = (await closed) as [number, Buffer]
    expect([status, reason.toString()]).toEqual([1008, code])
    await eventually(() => expect(host.left).toBe(1))
  },
)

it('a terminal goes on while the API is away', async () => {
  const socket = await open()
  await eventually(() => expect(host.attached).toBe(1))
  refusal = new GpulabError('api_unreachable')
  await vi.advanceTimersByTimeAsync(60_000)
  refusal = new GpulabError('gateway_key_invalid')
  await vi.advanceTimersByTimeAsync(60_000)
  expect([socket.readyState, host.left]).toEqual([socket.OPEN, 0])
  socket.close()
  await eventually(() => expect(vi.getTimerCount()).toBe(0))
})

it('nobody asks about a terminal whose client has left before it was attached', async () => {
  const { promise, resolve: start } = Promise.withResolvers<void>()
  starting = promise
  const socket = await open()
  await eventually(() => expect(host.creating).toBe(1))
  socket.terminate()
  await eventually(() => expect(vi.getTimerCount()).toBe(0))
  start()
  await eventually(() => expect(host.left).toBe(1))
  await eventually(() => expect(vi.getTimerCount()).toBe(0), { timeoutMs: 1000 })
})
