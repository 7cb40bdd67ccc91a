import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'
import { sampleContainer, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['events', ...args], { env: fake.env })
const parse = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { cursor: string; status: string | null })

const teamEvents = [
  ['status', 'deploying', null, 'deploying'],
  ['deploy_log', null, null, 'pulling \u001B[2Jubuntu'],
  ['status', 'failed', 'image_not_found', 'The image does not exist.'],
].map(([type, status, reason, message], index) => ({
  at: `2026-03-01T10:00:0${index}.000Z`,
  container_uuid: uuidOf(index === 2 ? 'de4567ab' : '3f2a9c1e'),
  type: type!,
  status: status!,
  reason: reason!,
  message: message!,
}))

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    containers: [sampleContainer()],
    statuses: ['deploying', 'running', 'stopping', 'deleted'],
    teamEvents,
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
    streams: 0,
  })
})

describe('events of the team', () => {
  it('are lines of time, container, status and what else there is to say, and harmless', async () => {
    const { stdout, stderr, code } = await run()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(`2026-03-01 10:00:00 UTC  3f2a9c1e  deploying
2026-03-01 10:00:01 UTC  3f2a9c1e               pulling \\u001b[2Jubuntu
2026-03-01 10:00:02 UTC  de4567ab  failed       The image does not exist. (image_not_found)
`)
  })

  it('are NDJSON with --json, ids with -q, and go on after a cursor', async () => {
    expect(parse((await run('--json')).stdout)).toEqual(
      teamEvents.map((event, index) => ({ ...event, cursor: String(index) })),
    )
    expect((await run('-q', '--cursor', '1')).stdout).toBe(`${uuidOf('de4567ab')}\n`)
    expect(parse((await run('--type', 'status', '--json')).stdout)).toHaveLength(2)
  })

  it('are followed over cuts and over servers that stop, each once, until Ctrl-C', async () => {
    fake.state.cutEvery = 1
    fake.state.endless = true
    const { code, stdout } = await runCli(['events', '--follow', '--json'], {
      env: fake.env,
      interruptAt: 'image_not_found',
    })
    expect(code).toBe(130)
    expect(parse(stdout).map(({ cursor }) => cursor)).toEqual(['0', '1', '2'])
    expect(fake.state.streams).toBeGreaterThan(2)
  })

  it('do not end because a server does', async () => {
    const opened = vi.waitFor(() => expect(fake.state.streams).toBeGreaterThan(1), 5000)
    const { code, stdout } = await runCli(['events', '--follow', '--json'], {
      env: fake.env,
      interruptAfter: opened,
    })
    expect(code).toBe(130)
    expect(parse(stdout)).toHaveLength(3)
  })
})

describe('events of a container', () => {
  it('are those that there are', async () => {
    const { stdout, code } = await run('my-training-job', '--json')
    expect(code).toBe(0)
    expect(parse(stdout).map(({ status }) => status)).toEqual(fake.state.statuses)
  })

  it('are followed until it is deleted, over cuts', async () => {
    fake.state.cutEvery = 1
    const { stdout, code } = await run('3f2a9c', '--follow', '--json')
    expect(code).toBe(0)
    expect(parse(stdout).map(({ status }) => status)).toEqual(fake.state.statuses)
  })

  it('need a container that is there', async () => {
    expect((await run('nothing', '--follow')).code).toBe(3)
  })
})
