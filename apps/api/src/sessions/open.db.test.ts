import {
  type Channel,
  type Control,
  frameType,
  parseControl,
  parseJson,
  takeFrame,
  toControlFrame,
  toJsonFrame,
} from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost
let params: { uuid: string }
const exit: Control = { type: 'exit', exit_code: 3, signal: null, reason: 'exited', message: null }

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
  const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'c' } })
  params = { uuid }
  await host.converge()
})
beforeEach(() => {
  host.sessions.canOpen = true
  host.sessions.onCreate = async () => {}
  host.sessions.onAttach = async (channel) => {
    const { frame, rest } = await takeFrame(channel)
    if (frame) await rest.send({ type: frameType.stdout, payload: frame.payload })
    await rest.send(toControlFrame(exit))
  }
})
afterAll(() => api[Symbol.asyncDispose]())

const creations = (): unknown[] => host.sessions.calls.filter(({ name }) => name === 'create')

/** What is answered to the first frame. */
async function open(first: object, client = api.client, container = params.uuid) {
  const channel = await client.sessions.open({ params: { container } })
  await channel.send(toJsonFrame(first))
  const { frame, rest } = await takeFrame(channel)
  return { answer: frame && (parseJson(frame) as Record<string, unknown>), channel: rest }
}
const opening = (session: object = { command: 'x' }, key?: string): object => ({
  type: 'open',
  session,
  ...(key !== undefined && { idempotency_key: key }),
})
async function finish(channel: Channel): Promise<unknown[]> {
  await channel.send({ type: frameType.stdin, payload: Buffer.from('hi') })
  const frames = await Array.fromAsync(channel.incoming)
  return frames.map((frame) =>
    frame.type === frameType.control ? parseControl(frame).type : Buffer.from(frame.payload).toString(),
  )
}

describe('a connection that opens a session', () => {
  it('has it started as it was asked for, is told of it, and is attached to it', async () => {
    const { answer, channel } = await open(opening({ command: ['a', '$b'], env: { A: '1' } }))
    const session = { container_uuid: params.uuid, command: ['a', '$b'], tty: false }
    expect(answer).toMatchObject({ type: 'opened', session })
    expect(await finish(channel)).toEqual(['hi', 'exit'])
    const { id } = (answer as { session: { id: string } }).session
    expect(host.sessions.calls.at(-1)).toMatchObject({
      name: 'create',
      input: { params, body: { id, env: { A: '1' }, timeout: null, detached: false, max_buffer: 1 << 20 } },
    })
    const rows = await api.database
      .sql`select action, detail from audit_entries where action = 'session.create' and detail::json ->> 'id' = ${id}`
    expect(rows).toHaveLength(1)
  })

  it('takes the name of its container in the place of the uuid', async () => {
    const { answer, channel } = await open(opening(), api.client, 'c')
    expect(answer).toMatchObject({ type: 'opened', session: { container_uuid: params.uuid } })
    expect(await finish(channel)).toEqual(['hi', 'exit'])
  })

  it('means the one that holds the name, not one that is being deleted', async () => {
    const body = { image: 'x', name: 'passed-on' }
    const old = await api.client.containers.create({ body })
    await host.converge()
    await api.client.containers.remove({ params: { uuid: old.uuid } })
    expect((await open(opening(), api.client, 'passed-on')).answer).toMatchObject({
      type: 'error',
      code: 'container_not_found',
    })
    const { uuid } = await api.client.containers.create({ body })
    await host.converge()
    const { answer, channel } = await open(opening(), api.client, 'passed-on')
    expect(answer).toMatchObject({ type: 'opened', session: { container_uuid: uuid } })
    channel.destroy()
  })

  it('does so with a host that starts them by a request only', async () => {
    host.sessions.canOpen = false
    const before = creations().length
    const { answer, channel } = await open(opening())
    expect(answer).toMatchObject({ type: 'opened' })
    expect(await finish(channel)).toEqual(['hi', 'exit'])
    expect(creations()).toHaveLength(before + 1)
  })

  it('gets the same session with the key of another one, or of a request', async () => {
    const key = randomUUID()
    const before = creations().length
    const first = await open(opening({ command: 'x' }, key))
    const second = await open(opening({ command: 'x' }, key))
    expect(second.answer).toEqual(first.answer)
    const third = await api.client.sessions.create(
      { params, body: { command: 'x' } },
      { idempotencyKey: key },
    )
    expect(first.answer).toMatchObject({ session: { id: third.id } })
    expect(creations()).toHaveLength(before + 1)
    expect(await finish(second.channel)).toEqual(['hi', 'exit'])
    expect((await open(opening({ command: 'other' }, key))).answer).toMatchObject({
      type: 'error',
      code: 'idempotency_key_reused',
    })
    first.channel.destroy()
  })
})

it('that come at once with one key start one session, of which there is one record', async () => {
  const before = creations().length
  const records = async (): Promise<number> =>
    (await api.database.sql`select 1 from audit_entries where action = 'session.create'`).length
  const recorded = await records()
  const key = randomUUID()
  const all = await Promise.all(Array.from({ length: 10 }, () => open(opening({ command: 'x' }, key))))
  const ids = all.flatMap(({ answer }) =>
    answer?.['session'] ? [(answer['session'] as { id: string }).id] : [],
  )
  expect(new Set(ids).size).toBe(1)
  // Its host has not made it yet.
  const others = all.filter(({ answer }) => answer?.['type'] !== 'opened')
  for (const { answer } of others) expect(answer).toMatchObject({ code: 'idempotency_replayed' })
  expect(creations()).toHaveLength(before + 1)
  expect(await records()).toBe(recorded + 1)
  for (const { channel } of all) channel.destroy()
})

describe('a connection is refused, and nothing started,', () => {
  it.each([
    ['by a first frame that is none', {}],
    ['with an empty command', opening({ command: [] })],
    ['with a NUL', opening({ command: ['a\0'] })],
    ['with a key that is none', opening({}, 'with space')],
  ])('%s', async (_what, first) => {
    const before = creations().length
    expect((await open(first)).answer).toMatchObject({ type: 'error', code: 'invalid_request' })
    expect(creations()).toHaveLength(before)
  })

  it('of another team, as where there is no such container', async () => {
    const missing = { type: 'error', code: 'container_not_found' }
    expect((await open(opening(), api.stranger)).answer).toMatchObject(missing)
    expect((await open(opening(), api.client, randomUUID())).answer).toMatchObject(missing)
    expect((await open(opening(), api.stranger, 'c')).answer).toMatchObject(missing)
    expect((await open(opening(), api.client, 'nobody')).answer).toMatchObject(missing)
  })

  it('where the container does not run, with all that a request is told', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'idle' } })
    const { answer } = await open(opening(), api.client, uuid)
    expect(answer).toMatchObject({
      type: 'error',
      code: 'container_not_running',
      message: expect.stringContaining('idle is deploying') as string,
      details: { status: 'deploying' },
      request_id: expect.any(String) as string,
    })
  })
})

it('stays open whether a session was started when the host is lost meanwhile', async () => {
  host.sessions.onCreate = async () => {
    void host.hangUp()
    await new Promise(() => {})
  }
  const key = randomUUID()
  expect((await open(opening({ command: 'x' }, key))).answer).toMatchObject({ code: 'exec_outcome_unknown' })
  await host.dial()
  const before = creations().length
  expect((await open(opening({ command: 'x' }, key))).answer).toMatchObject({ type: 'opened' })
  expect(creations()).toHaveLength(before)
})
