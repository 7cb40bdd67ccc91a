import { type Client, createClient, gateway, type GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let calls: Client<typeof gateway>
let uuid: string

beforeAll(async () => {
  api = await startTestApi({ proxyUrl: new URL('https://proxy.example.com') })
  calls = callsWith('a-key-for-the-gateways')
  await api.startHost('first')
  const container = await api.client.containers.create({
    body: { image: 'busybox:1.36', ports: [8080, 8888], port_modes: { 8888: 'private' } },
  })
  uuid = container.uuid
})
afterAll(() => api?.[Symbol.asyncDispose]())

const callsWith = (key: string): Client<typeof gateway> =>
  createClient(gateway, createHttpTransport({ url: api.url }), {
    headers: { authorization: `Bearer ${key}` },
  })

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: GpulabError) => error.code,
  )

describe('the calls of gateways', () => {
  it('need the key that they share with the API', async () => {
    for (const key of ['', 'a key', api.apiKey])
      for (const call of [
        callsWith(key).route({ params: { uuid } }),
        callsWith(key).hello({ body: { uplink_url: 'https://gw.example.com' } }),
        callsWith(key).verifyHost({ body: { ticket: 'x' } }),
        callsWith(key).admit({ body: { uuid, port: 8888, credential: 'x' } }),
        callsWith(key).openTerminal({ body: { uuid, ticket: 'x' } }),
        callsWith(key).renewTerminal({ body: { uuid, pass: 'x' } }),
      ])
        expect(await codeOf(call)).toBe('gateway_key_invalid')
    expect(await codeOf(calls.openTerminal({ body: { uuid, ticket: 'x' } }))).toBe('terminal_ticket_invalid')
    expect(await codeOf(calls.renewTerminal({ body: { uuid, pass: 'x' } }))).toBe('terminal_ticket_invalid')
  })

  it('tell agents where gateways are, as long as they are heard of', async () => {
    const host = await api.startHost('with-gateways')
    await calls.hello({ body: { uplink_url: 'https://gw1.example.com' } })
    const { gateways, ticket } = await host.control.gateways.list({})
    expect(gateways).toEqual([{ uplink_url: 'https://gw1.example.com' }])
    expect((await calls.verifyHost({ body: { ticket } })).host_uuid).toMatch(/^[0-9a-f-]{36}$/)
    api.clock.advance(60_000)
    expect((await host.control.gateways.list({})).gateways).toEqual([])
  })

  it('take no ticket that is old, forged, or for something else', async () => {
    const host = await api.startHost('with-tickets')
    const { ticket } = await host.control.gateways.list({})
    for (const wrong of ['', 'x', ticket.slice(0, -1), `${ticket.slice(0, -2)}AA`, api.apiKey])
      expect(await codeOf(calls.verifyHost({ body: { ticket: wrong } }))).toBe('host_session_invalid')
    api.clock.advance(121_000)
    expect(await codeOf(calls.verifyHost({ body: { ticket } }))).toBe('host_session_invalid')
  })

  it('give the ports of a container with their modes, and no host where it does not run', async () => {
    expect(await calls.route({ params: { uuid } })).toMatchObject({
      host: null,
      ports: { 8080: 'public', 8888: 'private' },
    })
    const missing = '00000000-0000-4000-8000-000000000000'
    expect(await codeOf(calls.route({ params: { uuid: missing } }))).toBe('container_not_found')
  })
})

describe('a private port', () => {
  const admit = (credential: string, port = 8888, of = uuid): Promise<string> =>
    codeOf(calls.admit({ body: { uuid: of, port, credential } }))
  const linkOf = async (ttl?: number): Promise<string> => {
    const { url } = await api.client.ports.link({
      params: { uuid, port: 8888 },
      body: ttl === undefined ? {} : { ttl },
    })
    return new URL(url).searchParams.get('gpulab_access') ?? ''
  }

  it('opens to a key of the team, and to nobody else', async () => {
    expect(await admit(api.apiKey)).toBe('ok')
    for (const wrong of ['', 'gpulab_12345678_x', `${api.apiKey}x`])
      expect(await admit(wrong)).toBe('port_private')
  })

  it('opens to a link for this port, until it expires', async () => {
    const link = await linkOf(60)
    expect(await admit(link)).toBe('ok')
    expect(await admit(link, 8080)).toBe('port_private')
    expect(await admit(`${link}x`)).toBe('port_private')
    api.clock.advance(61_000)
    expect(await admit(link)).toBe('port_private')
  })

  it('opens to a link only as long as the key counts that has made it', async () => {
    const link = await linkOf()
    const { sql } = api.database
    await sql`update api_keys set revoked_at = now() where id = ${api.apiKey.split('_')[1] ?? ''}`
    expect(await admit(link)).toBe('port_private')
    await sql`update api_keys set revoked_at = null`
    expect(await admit(link)).toBe('ok')
  })

  it('is changed by its team alone', async () => {
    const body = { ports: [8080, 9000], port_modes: { 9000: 'private' } } as const
    expect(await codeOf(api.stranger.ports.set({ params: { uuid }, body: { ...body, ports: [9000] } }))).toBe(
      'container_not_found',
    )
    expect(await codeOf(api.stranger.ports.link({ params: { uuid, port: 8888 } }))).toBe(
      'container_not_found',
    )
    expect(await codeOf(api.client.ports.link({ params: { uuid, port: 22 } }))).toBe('port_not_found')
    const other = { ports: [8080], port_modes: { 9000: 'private' as const } }
    expect(await codeOf(api.client.ports.set({ params: { uuid }, body: other }))).toBe('invalid_request')
    const set = await api.client.ports.set({ params: { uuid }, body: { ...body, ports: [...body.ports] } })
    expect(set.port_modes).toEqual({ 8080: 'public', 9000: 'private' })
    expect((await calls.route({ params: { uuid } })).ports).toEqual(set.port_modes)
  })
})

describe('a ticket of a terminal', () => {
  it('needs a host that answers', async () => {
    expect(await codeOf(api.client.terminals.create({ params: { uuid } }))).toBe('host_unreachable')
    expect(await codeOf(api.stranger.terminals.create({ params: { uuid } }))).toBe('container_not_found')
  })
})
