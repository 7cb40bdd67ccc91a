import {
  api as contract,
  type Channel,
  type Control,
  createClient,
  encodeFrameHeader,
  type Frame,
  frameType,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { createHttpTransport, createLaneTransport, type StreamChannel } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost
let params: { uuid: string }

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
  const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'c' } })
  params = { uuid }
  await host.converge()
})
beforeEach(() => {
  host.sessions.onCreate = async () => {}
  host.sessions.onAttach = async () => {}
})
afterAll(() => api[Symbol.asyncDispose]())

const create = (body: object = {}, idempotencyKey?: string) =>
  api.client.sessions.create(
    { params, body: { command: 'x', ...body } },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  )
const creations = (): unknown[] => host.sessions.calls.filter(({ name }) => name === 'create')

describe('a session', () => {
  it('is asked of the host with all that was given, under an id of the API', async () => {
    const session = await create({ command: ['a', '$b'], env: { A: '1' }, tty: { columns: 80, rows: 24 } })
    expect(session).toMatchObject({ container_uuid: params.uuid, command: ['a', '$b'], tty: true })
    expect(host.sessions.calls.at(-1)).toMatchObject({
      name: 'create',
      input: {
        params,
        body: { id: session.id, env: { A: '1' }, timeout: null, detached: false, max_buffer: 1 << 20 },
      },
    })
    const one = { params: { ...params, id: session.id } }
    expect(await api.client.sessions.get({ ...one, query: { wait: 2 } })).toMatchObject({ id: session.id })
    expect(host.sessions.calls.at(-1)).toMatchObject({ name: 'get', input: { query: { wait: 2 } } })
    expect((await api.client.sessions.list({ params })).items.map(({ id }) => id)).toContain(session.id)
    await api.client.sessions.signal({ ...one, body: { signal: 'SIGINT' } })
    expect(host.sessions.calls.at(-1)).toMatchObject({
      name: 'signal',
      input: { body: { signal: 'SIGINT' } },
    })
    expect(await api.client.sessions.kill(one)).toMatchObject({ state: 'ended', reason: 'killed' })
    expect(await Array.fromAsync(await api.client.sessions.output({ ...one, query: { offset: 5 } }))).toEqual(
      [{ offset: 0, stream: 'stdout', data: 'YQ==', gap: null }],
    )
    expect(host.sessions.calls.at(-1)).toMatchObject({ input: { query: { offset: 5, limit: 1 << 20 } } })
  })

  it.each([
    ['no size of a terminal', { tty: { columns: 0, rows: 1 } }],
    ['a buffer beyond bounds', { max_buffer: 1 << 30 }],
    ['an empty command', { command: [] }],
  ])('is refused with %s', async (_what, body) => {
    await expect(create(body)).rejects.toMatchObject({ code: 'invalid_request', exitCode: 2 })
  })

  it('is not there for another team, just as one that is not there at all', async () => {
    const { id } = await create()
    const calls = [
      () => api.stranger.sessions.create({ params, body: {} }),
      () => api.stranger.sessions.list({ params }),
      () => api.stranger.sessions.get({ params: { ...params, id } }),
      () => api.stranger.sessions.signal({ params: { ...params, id }, body: { signal: 'SIGINT' } }),
      () => api.stranger.sessions.kill({ params: { ...params, id } }),
      () => api.stranger.sessions.output({ params: { ...params, id } }),
      () => api.stranger.sessions.attach({ params: { ...params, id } }),
    ]
    const before = host.sessions.calls.length
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'container_not_found' })
    expect(host.sessions.calls.length).toBe(before)
    const unknown = { params: { ...params, id: randomUUID() } }
    await expect(api.client.sessions.get(unknown)).rejects.toMatchObject({ code: 'session_not_found' })
    await expect(api.client.sessions.attach(unknown)).rejects.toMatchObject({ code: 'session_not_found' })
  })

  it('is made once for one key, and what is not there any more is not made again', async () => {
    const key = randomUUID()
    const before = creations().length
    const one = await create({}, key)
    const two = await create({}, key)
    expect(two.id).toBe(one.id)
    expect(creations()).toHaveLength(before + 1)
    await expect(create({ command: 'other' }, key)).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    host.sessions.known.delete(one.id)
    await expect(create({}, key)).rejects.toMatchObject({ code: 'idempotency_replayed' })
    expect(creations()).toHaveLength(before + 1)
  })

  it('says so when the container does not run', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'idle' } })
    await expect(api.client.sessions.create({ params: { uuid }, body: {} })).rejects.toMatchObject({
      code: 'container_not_running',
    })
  })
})

/** As the executable connects. */
function bareClient(): typeof api.client {
  const take = () => Promise.resolve(connect(api.url.replace('unix:', '')))
  const transport = createLaneTransport({ take }, createHttpTransport({ url: api.url }))
  return createClient(contract, transport, { headers: { 'api-key': api.apiKey } })
}

describe.each(['WebSocket', 'bare frames'])('an attached client with %s', (kind) => {
  const attach = async (query: { offset?: number; acks?: 'true' | 'false' } = {}): Promise<Channel> => {
    const { id } = await create({ stdin: true })
    const client = kind === 'WebSocket' ? api.client : bareClient()
    return client.sessions.attach({ params: { ...params, id }, query })
  }
  const exit: Control = { type: 'exit', exit_code: 3, signal: null, reason: 'exited', message: null }

  it('and the host hear each other frame by frame', async () => {
    const heard: unknown[] = []
    const { promise: asked, resolve } = Promise.withResolvers<unknown>()
    host.sessions.onAttach = async (channel, query) => {
      resolve(query)
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      // Leaving the loop would cut the stream.
      void (async () => {
        for await (const frame of channel.incoming) {
          if (frame.type !== frameType.control)
            await channel.send({ type: frameType.stderr, payload: frame.payload })
          else if (heard.push(parseControl(frame)) > 0) end()
        }
      })().catch(() => {})
      await ended
      await channel.send(toControlFrame(exit))
    }
    const channel = await attach({ offset: 7, acks: 'true' })
    expect(await asked).toEqual({ offset: 7, acks: true })
    await channel.send({ type: frameType.stdin, payload: Buffer.from([0, 255, 10]) })
    await channel.send(toControlFrame({ type: 'eof' }))
    const frames = await Array.fromAsync(channel.incoming)
    expect([...(frames[0]?.payload ?? [])]).toEqual([0, 255, 10])
    expect(frames[0]?.type).toBe(frameType.stderr)
    expect(frames.slice(1).map(parseControl)).toEqual([exit])
    expect(heard).toEqual([{ type: 'eof' }])
  })

  it('that reads nothing holds the host back', async () => {
    let sent = 0
    host.sessions.onAttach = async (channel, _query, signal) => {
      while (!signal.aborted) {
        await channel.send({ type: frameType.stdout, payload: Buffer.alloc(65_536) })
        sent += 65_536
      }
    }
    const channel = await attach()
    let before = -1
    await eventually(
      async () => {
        const isSteady = sent === before
        before = sent
        await new Promise((resolve) => setTimeout(resolve, 100))
        expect(isSteady).toBe(true)
      },
      { timeoutMs: 10_000 },
    )
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThan(16 << 20)
    channel.destroy()
  })

  it('that leaves is told to the host at once, and kills nothing', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    host.sessions.onAttach = async (_channel, _query, signal) => {
      signal.addEventListener('abort', () => resolve())
      await gone
    }
    const channel = await attach()
    const kills = () => host.sessions.calls.filter(({ name }) => name === 'kill').length
    const before = kills()
    channel.destroy()
    await gone
    expect(kills()).toBe(before)
  })

  it('is told when the host is lost, and what it may do', async () => {
    host.sessions.onAttach = () => new Promise(() => {})
    const channel = await attach()
    const frames = Array.fromAsync(channel.incoming)
    await host.hangUp()
    expect((await frames).map(parseControl)).toMatchObject([
      { type: 'error', code: 'session_interrupted', retryable: true },
    ])
    await expect(create()).rejects.toMatchObject({ code: 'host_unreachable' })
    await host.dial()
  })

  it('finds no other word within a frame in whose middle the host was lost', async () => {
    const frame = { type: frameType.stdout, payload: Buffer.alloc(100_000, 7) }
    const { promise: sent, resolve } = Promise.withResolvers<void>()
    host.sessions.onAttach = async (open) => {
      const { socket } = open as StreamChannel
      socket?.write(Buffer.concat([encodeFrameHeader(frame), frame.payload]).subarray(0, 70_000), () =>
        resolve(),
      )
      await new Promise(() => {})
    }
    const channel = await attach()
    const frames: Frame[] = []
    const { promise: first, resolve: begin } = Promise.withResolvers<void>()
    const reading = (async () => {
      for await (const each of channel.incoming) if (frames.push(each) === 1) begin()
    })()
    await Promise.all([sent, first])
    await host.hangUp()
    await reading.catch(() => {})
    const output = frames.filter(({ type }) => type === frameType.stdout)
    expect(Buffer.concat(output.map(({ payload }) => payload)).every((byte) => byte === 7)).toBe(true)
    const words = frames
      .filter(({ type }) => type === frameType.control)
      .map((each) => parseControl(each).type)
    // Of messages, each is whole: there the error can be told.
    expect(words).toEqual(kind === 'WebSocket' ? ['error'] : [])
    await host.dial()
  })

  it('never learns for sure whether one began when the host was lost meanwhile', async () => {
    const key = randomUUID()
    host.sessions.onCreate = async () => {
      void host.hangUp()
      await new Promise(() => {})
    }
    await expect(create({}, key)).rejects.toMatchObject({ code: 'exec_outcome_unknown', retryable: false })
    await host.dial()
    const before = creations().length
    expect(await create({}, key)).toMatchObject({ state: 'running' })
    expect(creations()).toHaveLength(before)
  })
})
