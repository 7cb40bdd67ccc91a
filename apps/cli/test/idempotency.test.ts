import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { type Fault, type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts'
import { runCli } from './run-cli.ts'
import { sampleContainer, uuidOf } from './samples.ts'

let fake: FakeApi
let proxy: FaultyProxy
const run = (...args: string[]) => runCli(args, { env: { ...fake.env, GPULAB_API_URL: proxy.url } })
const job = ['deploy', '--name', 'job', '--image', 'x']

beforeAll(async () => {
  fake = await startFakeApi()
  proxy = await startFaultyProxy(fake.url)
})
afterAll(async () => {
  proxy.close()
  await fake.close()
})
beforeEach(() => {
  Object.assign(fake.state, {
    containers: [],
    created: [],
    keys: [],
    done: new Map(),
    execs: [],
    invites: [],
  })
  Object.assign(proxy, { faults: [], posts: 0 })
})

describe('a deploy that meets trouble', () => {
  it.each<Fault[][]>([
    [['unread']],
    [['read']],
    [['done']],
    [['half']],
    [['page']],
    [['page-done']],
    [['slow-down']],
    [['unread', 'done', 'half']],
  ])('of %j makes exactly one container, and tells it as if nothing had been', async (faults) => {
    proxy.faults = [...faults]
    const { code, stdout, stderr } = await run(...job, '-q')
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${uuidOf('77b01d00')}\n`, stderr: '' })
    expect(fake.state.containers).toHaveLength(1)
    expect(fake.state.created).toHaveLength(1)
    expect(proxy.posts).toBe(faults.length + 1)
    expect(new Set(fake.state.keys).size).toBe(1)
    expect(fake.state.keys[0]).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('waits as long as it was asked to', async () => {
    proxy.faults = ['slow-down']
    const startedAt = performance.now()
    expect((await run(...job)).code).toBe(0)
    expect(performance.now() - startedAt).toBeGreaterThan(1000)
  })

  it('that does not pass leaves the outcome open, and says how to go on safely', async () => {
    proxy.faults = Array.from({ length: 6 }, () => 'done')
    const { code, error } = await run(...job, '--json')
    expect(code).toBe(7)
    expect(error).toMatchObject({ code: 'outcome_unknown', retryable: false })
    const [key = ''] = fake.state.keys
    expect(error.hint).toContain(`--idempotency-key ${key}`)

    const again = await run(...job, '--idempotency-key', key, '-q')
    expect(again).toMatchObject({ code: 0, stdout: `${uuidOf('77b01d00')}\n` })
    expect(fake.state.created).toHaveLength(1)
    expect(new Set(fake.state.keys)).toEqual(new Set([key]))

    const other = await run('deploy', '--name', 'other', '--image', 'x', '--idempotency-key', key)
    expect(other.code).toBe(5)
    expect(other.stderr).toBe(
      'gpulab: This idempotency key was used for another request.\n  Repeat the very same command, or choose another --idempotency-key.\n',
    )
  }, 20_000)

  it('has a key of its own in each call', async () => {
    await run(...job)
    await run('deploy', '--image', 'x')
    expect(new Set(fake.state.keys).size).toBe(2)
    expect(fake.state.containers).toHaveLength(2)
  })

  it.each(['', 'a b', 'ü', 'x'.repeat(256)])('does not take the key %j', async (key) => {
    const { code, stderr } = await run(...job, `--idempotency-key=${key}`)
    expect(code).toBe(2)
    expect(stderr).toContain('idempotency key')
    expect(proxy.posts).toBe(0)
  })
})

describe('stop', () => {
  it('is done once, and told as it is by now', async () => {
    fake.state.containers = [sampleContainer()]
    proxy.faults = ['done']
    expect(await run('stop', 'my-training-job')).toMatchObject({
      code: 0,
      stdout: '✓ my-training-job is stopping\n',
    })
    expect(fake.state.done.size).toBe(1)
    expect(proxy.posts).toBe(2)
  })
})

describe('what must be done at most once', () => {
  it.each<Fault>(['unread', 'read', 'done', 'half', 'page', 'page-done'])(
    'is not sent again after %s',
    async (fault) => {
      fake.state.containers = [sampleContainer()]
      proxy.faults = [fault]
      const { code, error } = await run('exec', 'my-training-job', '--json', '--', 'true')
      expect(code).toBe(125)
      expect(error).toMatchObject({ code: 'exec_outcome_unknown', retryable: false })
      expect(proxy.posts).toBe(1)
    },
  )

  it('is a join token that nobody has seen', async () => {
    proxy.faults = ['done']
    const { code, stdout, stderr } = await run('hosts', 'add')
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' })
    expect(stderr).toContain('nobody has seen it')
    expect(fake.state.invites).toHaveLength(1)
  })
})
