import { type Client, createClient, gateway, type GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let calls: Client<typeof gateway>
let host: FakeHost
let uuid: string
let other: string

beforeAll(async () => {
  api = await startTestApi({ proxyUrl: new URL('https://proxy.example.com') })
  calls = createClient(gateway, createHttpTransport({ url: api.url }), {
    headers: { authorization: 'Bearer a-key-for-the-gateways' },
  })
  host = await api.startHost('first')
  uuid = (await api.client.containers.create({ body: { image: 'x' } })).uuid
  other = (await api.client.containers.create({ body: { image: 'x' } })).uuid
  await host.converge()
})
afterAll(() => api?.[Symbol.asyncDispose]())

const create = (idempotencyKey?: string) =>
  api.client.terminals.create({ params: { uuid } }, idempotencyKey === undefined ? {} : { idempotencyKey })
const open = (ticket: string, of = uuid) => calls.openTerminal({ body: { uuid: of, ticket } })
const renew = (pass: string, of = uuid) => calls.renewTerminal({ body: { uuid: of, pass } })
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: GpulabError) => error.code,
  )
async function withoutKey(work: () => Promise<void>): Promise<void> {
  const { sql } = api.database
  await sql`update api_keys set revoked_at = now() where id = ${api.apiKey.split('_')[1] ?? ''}`
  await work()
  await sql`update api_keys set revoked_at = null`
}

/** The host goes on to say that it is there. */
async function wait(seconds: number): Promise<void> {
  api.clock.advance(seconds * 1000)
  await host.report()
}

describe('a ticket of a terminal', () => {
  it('comes with where to go, and is in the fragment of the link', async () => {
    const { websocket_url: socket, token, url, expires_at: end } = await create()
    expect(socket).toBe(`wss://${uuid}-terminal.proxy.example.com/ws`)
    expect(url).toBe(`https://${uuid}-terminal.proxy.example.com/#${token}`)
    expect(Date.parse(end) - api.clock.now().getTime()).toBeLessThanOrEqual(60_000)
  })

  it('opens once, also where it is used twice at the same moment', async () => {
    const { token } = await create()
    const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(open(token))))
    expect(codes.toSorted()).toEqual(['ok', ...Array.from({ length: 4 }, () => 'terminal_ticket_invalid')])
    expect(await codeOf(open(token))).toBe('terminal_ticket_invalid')
  })

  it('opens for a minute, its container, and as long as its key counts', async () => {
    const { token } = await create()
    expect(await codeOf(open(token, other))).toBe('terminal_ticket_invalid')
    expect(await codeOf(open(`${token}x`))).toBe('terminal_ticket_invalid')
    await withoutKey(async () => expect(await codeOf(open(token))).toBe('terminal_ticket_invalid'))
    await wait(59)
    expect(await codeOf(open(token))).toBe('ok')
    const late = await create()
    await wait(61)
    expect(await codeOf(open(late.token))).toBe('terminal_ticket_invalid')
  })

  it('is made once for one idempotency key, and not told again', async () => {
    await create('once')
    expect(await codeOf(create('once'))).toMatch(/^idempotency/)
  })
})

describe('the pass of a page', () => {
  it('gives a fresh ticket for the same session, to its container, as long as its key counts', async () => {
    const { pass, session_id: id } = await open((await create()).token)
    const { ticket, session_id: same } = await renew(pass)
    expect(same).toBe(id)
    expect((await open(ticket)).session_id).toBe(id)
    expect(await codeOf(renew(pass, other))).toBe('terminal_ticket_invalid')
    await withoutKey(async () => expect(await codeOf(renew(pass))).toBe('terminal_ticket_invalid'))
    const { sql } = api.database
    await sql`update users set role = 'viewer' where email = 'ann@example.com'`
    expect(await codeOf(renew(pass))).toBe('terminal_ticket_invalid')
    await sql`update users set role = 'owner' where email = 'ann@example.com'`
    expect(await codeOf(renew(pass))).toBe('ok')
    await wait(24 * 3600)
    expect(await codeOf(renew(pass))).toBe('terminal_ticket_invalid')
  })

  it('is no ticket, and a ticket is no pass, nor either a link of a port', async () => {
    const { token } = await create()
    expect(await codeOf(renew(token))).toBe('terminal_ticket_invalid')
    const { pass } = await open(token)
    expect(await codeOf(open(pass))).toBe('terminal_ticket_invalid')
    for (const credential of [token, pass])
      expect(await codeOf(calls.admit({ body: { uuid, port: 8080, credential } }))).toBe('port_private')
  })
})
