import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli, runOnTerminal } from './run-cli.ts'
import { sampleVolume, uuidOf } from './samples.ts'

const gib = 2 ** 30
let fake: FakeApi
const run = (...args: string[]) => runCli(['volumes', ...args], { env: fake.env })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  fake.state.volumesCreated = []
  fake.state.volumeChanges = []
  fake.state.volumes = [
    sampleVolume(),
    sampleVolume({
      uuid: uuidOf('5555cccc'),
      name: 'scratch',
      size_bytes: 5 * gib,
      used_bytes: null,
      enforced: false,
      status: 'degraded',
      status_reason: { code: 'volume_unavailable', message: 'It is not mounted.' },
      containers: [],
    }),
  ]
})

describe('the list', () => {
  it('shows how full each is, and who has it', async () => {
    const { stdout, stderr, code } = await run()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'NAME           SIZE                  USED      STATUS      CONTAINERS',
      'my-workspace   100 GB                45.2 GB   available   my-training-job',
      'scratch        5 GB (not enforced)   -         degraded    -',
      '',
    ])
  })

  it('prints uuids with -q, and a bare array with --json', async () => {
    expect((await run('-q')).stdout).toBe(`${uuidOf('5555aaaa')}\n${uuidOf('5555cccc')}\n`)
    expect(JSON.parse((await run('list', '--json')).stdout)).toMatchObject([
      { name: 'my-workspace' },
      { name: 'scratch' },
    ])
  })
})

describe('info', () => {
  it('tells what is wrong with it', async () => {
    const { stdout } = await run('info', 'scratch')
    expect(stdout).toMatch(/Status: +degraded\nReason: +It is not mounted\. \(volume_unavailable\)/)
    expect((await run('info', '5555aa')).stdout).toContain('my-training-job (3f2a9c1e) → /workspace')
  })

  it('fails for one that is not there', async () => {
    const { code, error } = await run('info', 'nothing', '--json')
    expect({ code, error: error.code }).toEqual({ code: 3, error: 'volume_not_found' })
  })
})

describe('create', () => {
  it('waits until it is there', async () => {
    fake.state.volumeChanges = [{}, { status: 'available' }]
    const { code, stdout } = await run('create', '--name', 'new', '--size', '100')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '✓ Created new (100 GB)\n' })
    expect(fake.state.volumesCreated).toEqual([{ name: 'new', size_bytes: 100 * gib }])
  })

  it('says why it could not be made', async () => {
    const reason = { code: 'no_space', message: 'The host has 5 MiB.' }
    fake.state.volumeChanges = [{ status: 'failed', status_reason: reason }]
    const { code, stderr } = await run('create', '--name', 'new', '--size', '1.5TiB')
    expect(code).toBe(6)
    expect(stderr).toMatch(/Volume new is failed: The host has 5 MiB\./)
  })

  it.each([
    [['create', '--name', 'x']],
    [['create', '--size', '1']],
    [['create', '--name', 'x', '--size', 'big']],
    [['create', '--name', 'x', '--size', '1', '--driver', 'tape']],
  ])('refuses %j', async (args) => {
    expect((await run(...args)).code).toBe(2)
  })
})

describe('resize', () => {
  it('waits until it has its size', async () => {
    fake.state.volumeChanges = [{ status: 'available' }]
    const { stdout } = await run('resize', 'my-workspace', '--size', '200')
    expect(stdout).toBe('✓ Resized my-workspace to 200 GB\n')
  })
})

describe('rm', () => {
  it('asks first, and only once it is known which', async () => {
    const env = { ...fake.env, NO_COLOR: '1' }
    const prompt = 'Delete the volume scratch (5555cccc) and everything in it? [y/N]'
    const refused = await runOnTerminal(['volumes', 'rm', 'scratch'], { env, prompt, answer: 'n\n' })
    expect(refused.screen).toContain('Nothing was deleted.')
    expect(fake.state.volumes).toHaveLength(2)
    expect((await run('rm', 'scratch')).code).toBe(2)
    expect((await run('rm', 'scratch', '--force')).stdout).toBe('✓ Deleted scratch (5555cccc)\n')
    expect(fake.state.volumes).toHaveLength(1)
  })

  it('fails while containers have it', async () => {
    expect((await run('rm', 'my-workspace', '--force')).code).toBe(5)
  })
})
