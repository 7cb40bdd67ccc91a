import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
afterAll(() => api[Symbol.asyncDispose]())

describe('exec', () => {
  it('passes the command on as it is and the result back', async () => {
    const seen: unknown[] = []
    host.onExec = async (command) => {
      seen.push(command)
      return { stdout: 'out', stderr: 'err', exit_code: 7 }
    }
    const result = await api.client.exec.run({
      params,
      body: { command: ['a', '$b', "'c'"], timeout: 5, env: { X: '1' } },
    })
    expect(result).toMatchObject({ stdout: 'out', stderr: 'err', exit_code: 7, origin: 'command' })
    await api.client.exec.run({ params, body: { command: 'echo $HOME' } })
    expect(seen).toMatchObject([
      {
        container_uuid: params.uuid,
        command: ['a', '$b', "'c'"],
        timeout: 5,
        env: { X: '1' },
        max_output: 1 << 20,
      },
      { command: 'echo $HOME', timeout: 30 },
    ])
  })

  it.each([
    ['no command', {}],
    ['an empty command', { command: [] }],
    ['a time out of range', { command: 'x', timeout: 301 }],
    ['a NUL', { command: ['a\0'] }],
  ])('rejects %s', async (_what, body) => {
    await expect(api.client.exec.run({ params, body: body as never })).rejects.toMatchObject({
      code: 'invalid_request',
      exitCode: 2,
    })
  })

  it('lets one key have only so many commands under way', async () => {
    const { promise: waiting, resolve: go } = Promise.withResolvers<void>()
    host.onExec = () => waiting.then(() => ({}))
    const run = () => api.client.exec.run({ params, body: { command: 'x' } })
    const refused: string[] = []
    const attempts = Array.from({ length: 40 }, () =>
      run().catch((error: { code: string }) => void refused.push(error.code)),
    )
    await expect.poll(() => refused, { timeout: 10_000 }).toEqual(Array(8).fill('rate_limited'))
    go()
    const results = await Promise.all(attempts)
    expect(results.filter((result) => result !== undefined)).toHaveLength(32)
    expect(await run()).toMatchObject({ exit_code: 0 })
  })

  it('says so when the container does not run', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'idle' } })
    await expect(api.client.exec.run({ params: { uuid }, body: { command: 'x' } })).rejects.toMatchObject({
      code: 'container_not_running',
      message: expect.stringContaining('idle is deploying') as string,
    })
  })

  it('leaves open whether it ran when the host is lost meanwhile, and says that the host is away afterwards', async () => {
    host.onExec = async () => {
      void host.hangUp()
      await new Promise(() => {})
      return {}
    }
    await expect(api.client.exec.run({ params, body: { command: 'x' } })).rejects.toMatchObject({
      code: 'exec_outcome_unknown',
      retryable: false,
    })
    await expect(api.client.exec.run({ params, body: { command: 'x' } })).rejects.toMatchObject({
      code: 'host_unreachable',
    })
    await host.dial()
    host.onExec = async () => ({ stdout: 'back' })
    expect(await api.client.exec.run({ params, body: { command: 'x' } })).toMatchObject({ stdout: 'back' })
  })
})

describe('logs', () => {
  it('come from the host line by line', async () => {
    host.logLines = [
      { ts: '2026-01-01T00:00:00.000000001Z', stream: 'stdout', line: 'one', cursor: 'a' },
      { ts: '2026-01-01T00:00:00.000000002Z', stream: 'stderr', line: 'two', cursor: 'b' },
    ]
    expect(
      await Array.fromAsync(await api.client.logs.read({ params, query: { tail: 'all', follow: 'true' } })),
    ).toEqual(host.logLines)
  })

  it('of a container that never ran are refused with the way to its deployment log', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'new' } })
    await expect(api.client.logs.read({ params: { uuid } })).rejects.toMatchObject({
      hint: 'gpulab logs new --deploy shows its deployment.',
    })
  })
})

describe('events', () => {
  it('tell each status once, live, and end with the container; the deployment log ends with the deployment', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    const follow = api.client.events.ofContainer({ params: { uuid }, query: { follow: 'true' } })
    const deployment = api.client.logs.deploy({ params: { uuid }, query: { follow: 'true' } })
    const line = { seq: 1, container_uuid: uuid, ts: '2026-01-01T00:00:00Z', line: 'pulling' }
    for (let repeat = 0; repeat < 2; repeat++) {
      await host.control.report.deployLog({ body: { boot_id: host.bootId, lines: [line] } })
    }
    await host.converge()
    await host.report()
    await api.client.containers.stop({ params: { uuid } })
    await host.converge()
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
    const events = await Array.fromAsync(await follow)
    expect(events.map(({ type, status, message }) => (type === 'status' ? status : message))).toEqual([
      'deploying',
      'pulling',
      'running',
      'stopping',
      'stopped',
      'deleting',
      'deleted',
    ])
    expect((await Array.fromAsync(await deployment)).map(({ line }) => line)).toEqual(['pulling'])
  })

  it('of a deployment that is over are all read, followed or not', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    const tell = (seq: number, line: string) =>
      host.control.report.deployLog({
        body: {
          boot_id: host.bootId,
          lines: [{ seq, container_uuid: uuid, ts: '2026-01-01T00:00:00Z', line }],
        },
      })
    await tell(101, 'first')
    await host.converge()
    await tell(102, 'late')
    for (const follow of ['true', 'false'] as const) {
      const lines = await Array.fromAsync(
        await api.client.logs.deploy({ params: { uuid }, query: { follow } }),
      )
      expect(lines.map(({ line, ts }) => [line, ts])).toEqual([
        ['first', '2026-01-01T00:00:00.000Z'],
        ['late', '2026-01-01T00:00:00.000Z'],
      ])
    }
  })

  it('go on after a cursor', async () => {
    const all = await Array.fromAsync(await api.client.events.ofContainer({ params }))
    const cursor = all[0]?.cursor ?? ''
    expect(await Array.fromAsync(await api.client.events.ofContainer({ params, query: { cursor } }))).toEqual(
      all.slice(1),
    )
    await expect(api.client.events.ofContainer({ params, query: { cursor: 'x' } })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  it('stop being followed when the reader goes', async () => {
    const controller = new AbortController()
    const events = await api.client.events.ofContainer(
      { params, query: { follow: 'true' } },
      { signal: controller.signal },
    )
    const reading = Array.fromAsync(events)
    controller.abort()
    await expect(reading).rejects.toThrow(/abort/i)
    await once(AbortSignal.timeout(1), 'abort')
  })
})
