import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, goodKey, startFakeApi } from './fake-api.ts'
import { exitOf } from './fake-session.ts'
import { createFakeSessions } from './fake-sessions.ts'
import { type CliOptions, runCli } from './run-cli.ts'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, { failure: undefined, sessions: createFakeSessions() })
  fake.state.sessions.program = () => ({
    start: (session) => {
      session.write('stdout', Buffer.from('out\n'))
      session.write('stderr', Buffer.from('err\n'))
      session.finish(exitOf(3))
    },
  })
})

/** What the command prints, whichever way it is started. */
async function bothWays(args: readonly string[], options: CliOptions): Promise<[unknown, unknown]> {
  const told = async (env: Record<string, string>): Promise<unknown> => {
    const { code, stdout, stderr } = await runCli(args, {
      ...options,
      env: { ...fake.env, ...options.env, ...env },
    })
    // Ids, and times of --debug.
    const plain = (text: string): string =>
      text.replaceAll(
        /"duration_ms": \d+|\(\d+ ms\)|idempotency-key: \S+|x-request-id: \S+|Request id: \S+|"request_id":"[^"]*"/g,
        '…',
      )
    return { code, stdout: plain(stdout), stderr: plain(stderr) }
  }
  return [await told({}), await told({ GPULAB_FRAMEWORK: '1' })]
}

/** The rest of the suite runs the short way; `npm run test:full` runs all of it the other way too. */
describe('the short way and the framework say the same', () => {
  const lines: [string, CliOptions?][] = [
    ['version'],
    ['--version --json'],
    ['version -q'],
    ['version', { env: { GPULAB_DEFAULT_OUTPUT: 'json' } }],
    ['version', { env: { GPULAB_CONFIG: '/proc/version' } }],
    ['ls'],
    ['ls --json'],
    ['containers list -q --status running'],
    ['ls', { env: { FORCE_COLOR: '1' } }],
    ['ls --no-color', { env: { FORCE_COLOR: '1' } }],
    ['ls', { env: { GPULAB_API_KEY: '' } }],
    ['ls --json --api-key gpulab_wrong'],
    ['ls --timeout soon'],
    ['ls --api-url http://127.0.0.1:1 --timeout 1'],
    ['ls --api-url http://192.0.2.1 --json'],
    ['ls --debug'],
    ['exec my-training-job -- true'],
    ['exec -q my-training-job -e A=1 -w / -u me sh -c x'],
    ['exec my-training-job --json -- true'],
    ['exec -i my-training-job -- cat', { input: 'hello' }],
    ['exec missing -- true'],
    ['exec missing --json -- true'],
    ['exec my-training-job'],
    ['exec my-training-job --timeout soon -- true'],
    ['exec my-training-job -e 1=2 -- true'],
    ['exec -it my-training-job -- sh'],
    ['exec --interactive my-training-job'],
    ['ssh my-training-job'],
    ['ssh my-training-job --json'],
    ['ssh missing -- true'],
    ['ssh my-training-job -- cat', { input: 'hello' }],
    ['ssh my-training-job -e 1=2 -- true'],
  ]
  it.each(lines)('of %j %j', async (line, options = {}) => {
    const [short, framework] = await bothWays(line.split(' '), options)
    expect(short).toEqual(framework)
  })

  it('has a key that works', () => {
    expect(fake.env['GPULAB_API_KEY']).toBe(goodKey)
  })
})
