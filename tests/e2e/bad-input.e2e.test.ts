import { ensureImages } from '@gpulab/images'
import { startEngine } from '@gpulab/simulated-host'
import { eventually } from '@gpulab/testing'
import type { Container } from '@gpulab/contract'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSystem, type System } from './src/start-system.ts'

let system: System

beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

/** What a failure must not leave: a row, a lease or a container without its partner. */
async function expectNothingHalfMade(): Promise<void> {
  await eventually(
    async () => {
      const rows = await system.sql<{ uuid: string }[]>`select uuid from containers where deleted_at is null`
      const running = new Set((await system.listOwn()).map(({ Labels }) => Labels['ai.gpulab.container']))
      expect(rows.filter(({ uuid }) => !running.has(uuid))).toEqual([])
      expect(running.size).toBe(rows.length)
      const orphans = await system.sql`
        select 1 from gpu_leases l join containers c on c.uuid = l.container_uuid
        where l.released_at is null and c.deleted_at is not null`
      expect(orphans).toHaveLength(0)
    },
    { timeoutMs: 15_000 },
  )
}

const failure = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const [command = '', ...rest] = args
  const plain = await system.gpulab(args, { env })
  const json = await system.gpulab([command, '--json', ...rest], { env })
  expect(plain.stdout).toBe('')
  expect(json.stdout).toBe('')
  expect(plain.code).toBe(json.code)
  const { error } = JSON.parse(json.stderr) as {
    error: { code: string; message: string; hint?: string; exit_code: number }
  }
  expect(error.exit_code).toBe(json.code)
  expect(plain.stderr).toContain(error.message)
  return { code: plain.code, stderr: plain.stderr, error }
}

describe('each failure has its exit code, one clear sentence and the next step', () => {
  it.each<[string, string[], NodeJS.ProcessEnv, number, string, RegExp]>([
    [
      'unknown template',
      ['deploy', '--template', 'nope', '--gpu-type', 'RTX 4090'],
      {},
      3,
      'template_not_found',
      /nope/,
    ],
    [
      'unknown GPU type',
      ['deploy', '--template', 'pytorch', '--gpu-type', 'RTX 9999'],
      {},
      3,
      'gpu_type_not_found',
      /RTX 9999/,
    ],
    ['unknown container', ['inspect', 'nobody'], {}, 3, 'container_not_found', /nobody/],
    [
      'exec in an unknown container',
      ['exec', 'nobody', '--', 'true'],
      {},
      125,
      'container_not_found',
      /nobody/,
    ],
    [
      'no free GPU',
      ['deploy', '--template', 'pytorch', '--gpu-type', 'RTX 4090', '--gpu-count', '64'],
      {},
      6,
      'no_capacity',
      /64/,
    ],
    [
      'unknown volume',
      ['deploy', '--template', 'ubuntu', '--volume', 'v:/v'],
      {},
      3,
      'volume_not_found',
      /volume v\./,
    ],
    [
      'a wrong key',
      ['ls'],
      { GPULAB_API_KEY: `gpulab_AAAAAAAA_${'B'.repeat(32)}` },
      4,
      'api_key_invalid',
      /key/,
    ],
    ['no key', ['ls'], { GPULAB_API_KEY: '' }, 4, 'api_key_missing', /log/i],
    ['API down', ['ls'], { GPULAB_API_URL: 'http://127.0.0.1:9' }, 7, 'api_unreachable', /127\.0\.0\.1:9/],
    [
      'plain http to elsewhere',
      ['ls'],
      { GPULAB_API_URL: 'http://gpulab.example.com' },
      2,
      'insecure_url',
      /plain http/,
    ],
    ['an unknown flag', ['ls', '--frobnicate'], {}, 2, 'invalid_request', /frobnicate/],
    ['rm without a terminal', ['rm', 'nobody'], {}, 2, 'input_required', /--force/],
  ])('%s', async (_what, args, env, code, errorCode, said) => {
    const seen = await failure(args, env)
    expect(seen).toMatchObject({ code, error: { code: errorCode } })
    expect(seen.stderr).toMatch(said)
    expect(seen.stderr.trim().split('\n').length).toBeLessThanOrEqual(4)
    expect(seen.stderr).not.toMatch(/\bat .*:\d+:\d+/)
    await expectNothingHalfMade()
  })

  it('an image that does not exist', async () => {
    const deploy = await system.gpulab([
      'deploy',
      '--name',
      'typo',
      '--image',
      'gpulab.invalid/no/such:1',
      '--gpu-type',
      'RTX 4090',
      '--wait',
      '--json',
    ])
    expect(deploy.code).toBe(1)
    expect(JSON.parse(deploy.stderr)).toMatchObject({
      error: {
        code: 'container_failed',
        message: expect.stringContaining('gpulab.invalid/no/such:1') as string,
      },
    })
    const shown = await system.json<Container>('inspect', 'typo')
    expect(shown).toMatchObject({ status: 'failed', gpus: [] })
    expect(shown.status_reason?.code).toMatch(/^image_/)
    expect(await system.listOwn()).toHaveLength(0)
    expect((await system.gpulab(['rm', 'typo', '--force'])).code).toBe(0)
    await expectNothingHalfMade()
  })

  it('a command that is not in the container, or not executable', async () => {
    const { name } = await system.json<Container>('deploy', '--template', 'ubuntu', '--memory', '1', '--wait')
    expect(await system.gpulab(['exec', name, '--', 'no-such-command'])).toMatchObject({
      code: 127,
      stdout: '',
    })
    expect((await system.gpulab(['exec', name, '--', '/etc/passwd'])).code).toBe(126)
    const json = await system
      .json<{ exit_code: number; origin: string }>('exec', name, '--', 'no-such-command')
      .catch((error: Error) => error.message)
    expect(json).toContain('127')
    await system.gpulab(['rm', name, '--force'])
    await expectNothingHalfMade()
  })

  it('an entry command that is not in the image', async () => {
    const command = ['--command', 'exec /no/such/program']
    await system.gpulab(['deploy', '--name', 'nocmd', '--template', 'ubuntu', '--memory', '1', ...command])
    await eventually(
      async () => {
        const shown = await system.json<Container>('inspect', 'nocmd')
        expect(shown).toMatchObject({ status: 'failed', exit_code: 127, status_reason: { code: 'exited' } })
      },
      { timeoutMs: 15_000 },
    )
    expect((await system.gpulab(['logs', 'nocmd'])).stderr).toContain('/no/such/program')
    await system.gpulab(['rm', 'nocmd', '--force'])
    await expectNothingHalfMade()
  })

  it('the agent is offline', async () => {
    const { name } = await system.json<Container>('deploy', '--template', 'ubuntu', '--memory', '1', '--wait')
    await system.agent.stop()
    const seen = await failure(['exec', name, '--', 'true'])
    expect(seen).toMatchObject({ code: 125, error: { code: 'host_unreachable' } })
    expect(await failure(['logs', name])).toMatchObject({ code: 7, error: { code: 'host_unreachable' } })
    await system.startAgent()
    expect((await system.gpulab(['rm', name, '--force'])).code).toBe(0)
    await expectNothingHalfMade()
  })
})

describe('a Docker that is down', () => {
  it('takes no work, says so, and all goes on when it is back', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-down-'))
    const options = { stateDir, name: 'down', gpus: '1x NVIDIA H100:81559' }
    const engine = await startEngine(options)
    await ensureImages({ dockerHost: engine.dockerHost, keys: ['busybox'] })
    const other = await startSystem({ engine })
    try {
      await engine.stop({ graceSeconds: 0 })
      await eventually(
        async () => {
          const deploy = await other.gpulab([
            'deploy',
            '--template',
            'pytorch',
            '--gpu-type',
            'H100',
            '--json',
          ])
          expect(deploy.code).toBe(6)
          expect(JSON.parse(deploy.stderr)).toMatchObject({
            error: { code: 'no_capacity', hint: expect.any(String) as string },
          })
        },
        { timeoutMs: 20_000 },
      )
      expect(
        await other.sql`select 1 from containers where deleted_at is null and desired = 'running' and announced_status = 'running'`,
      ).toHaveLength(0)
      await startEngine(options)
      await eventually(
        async () => {
          const deploy = await other.gpulab([
            'deploy',
            '--name',
            'again',
            '--template',
            'ubuntu',
            '--memory',
            '1',
            '--wait',
          ])
          expect(deploy).toMatchObject({ code: 0 })
        },
        { timeoutMs: 60_000, intervalMs: 500 },
      )
    } finally {
      await other[Symbol.asyncDispose]()
      await engine.stop({ keepContainers: false, graceSeconds: 0 })
      await rm(stateDir, { recursive: true, force: true })
    }
  })
})
