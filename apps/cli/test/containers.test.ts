import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GpulabError } from '@gpulab/contract'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli, runOnTerminal } from './run-cli.ts'
import { sampleContainer, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(args, { env: fake.env })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  fake.state.failure = undefined
  fake.state.removed = []
  fake.state.statuses = []
  fake.state.containers = [
    sampleContainer(),
    sampleContainer({ uuid: uuidOf('de4567ab'), name: 'test-server', status: 'stopped', uptime: null }),
    sampleContainer({ uuid: uuidOf('de4567ff'), name: 'abc123', status: 'running', simulated: true }),
  ]
})

describe('ls', () => {
  it("looks like the plan's picture", async () => {
    const { stdout, stderr, code } = await run('ls')
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toEqual([
      'NAME              UUID          STATUS    GPU                    UPTIME',
      'my-training-job   3f2a9c1e...   running   RTX 4090               2h 15m',
      'test-server       de4567ab...   stopped   RTX 4090               -',
      'abc123            de4567ff...   running   RTX 4090 (simulated)   2h 15m',
      '',
    ])
  })

  it('prints one bare array of all pages with --json', async () => {
    const { stdout } = await run('containers', 'ls', '--json')
    expect(JSON.parse(stdout)).toEqual(fake.state.containers)
  })

  it('filters by status and prints only uuids with -q', async () => {
    const { stdout } = await run('-q', 'ls', '--status', 'stopped')
    expect(stdout).toBe(`${uuidOf('de4567ab')}\n`)
  })

  it('shows what foreign text would do to a terminal instead of doing it', async () => {
    fake.state.containers = [sampleContainer({ name: 'evil\u001B[2J\u202E' })]
    const { stdout } = await run('ls')
    expect(stdout).toContain(String.raw`evil\u001b[2J\u202e`)
  })
})

describe('inspect', () => {
  it("looks like the plan's picture", async () => {
    const { stdout } = await run('inspect', 'my-training-job')
    expect(stdout).toBe(`Container: my-training-job
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
UUID:        ${uuidOf('3f2a9c1e')}
Status:      running
Type:        GPU
GPU:         NVIDIA GeForce RTX 4090 (24GB)
Memory:      32 GB
CPU Cores:   12
Image:       pytorch/pytorch:2.1.0-cuda
Template:    pytorch-2.1
Host:        host-1
Created:     2026-03-01 10:00:00 UTC
Uptime:      2h 15m 30s

Ports:
  8080 → https://3f2a9c1e-8080.proxy.example
  8888 → https://3f2a9c1e-8888.proxy.example

Environment:
  BATCH_SIZE=***
`)
  })

  it.each(['3f2a9c', '3F2A9C1E', '3f2a9c1e...', uuidOf('3f2a9c1e')])('finds it as %s', async (reference) => {
    const { stdout, code } = await run('inspect', reference, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(fake.state.containers[0])
  })

  it('takes the new one of a name whose old one is being deleted', async () => {
    fake.state.containers.push(sampleContainer({ uuid: uuidOf('00000001'), status: 'deleting' }))
    const { stdout, code } = await run('inspect', 'my-training-job', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(fake.state.containers[0])
  })

  it('lists the candidates of an ambiguous prefix', async () => {
    const { code, stdout, error } = await run('inspect', 'de4567', '--json')
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(error).toMatchObject({
      code: 'reference_ambiguous',
      details: { candidates: [{ name: 'test-server' }, { name: 'abc123' }] },
    })
  })

  it('weighs a name and a prefix of a uuid the same', async () => {
    fake.state.containers.push(sampleContainer({ uuid: uuidOf('abc12300'), name: 'other' }))
    expect((await run('inspect', 'abc123', '--json')).error.code).toBe('reference_ambiguous')
  })

  it.each(['nothing', uuidOf('99999999'), '3f2a9'])('says that there is no %s', async (reference) => {
    const { code, stderr } = await run('inspect', reference)
    expect(code).toBe(3)
    expect(stderr).toMatch(/^gpulab: There is no (container ".*"|such container)\.\n {2}.*gpulab ls/)
  })
})

describe('stop, start and restart', () => {
  it('prints the new status at once', async () => {
    const { stdout, stderr, code } = await run('stop', 'my-training-job')
    expect({ stdout, stderr, code }).toEqual({
      stdout: '✓ my-training-job is stopping\n',
      stderr: '',
      code: 0,
    })
  })

  it('waits for the end of it with --wait', async () => {
    fake.state.statuses = ['stopping', 'stopped']
    const { stdout, code } = await run('stop', 'my-training-job', '--wait', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ name: 'my-training-job', status: 'stopped' })
  })

  it('says why a restart failed', async () => {
    fake.state.statuses = ['failed']
    const { error, code } = await run('restart', 'my-training-job', '--wait', '--json')
    expect(code).toBe(1)
    expect(error).toMatchObject({
      code: 'container_failed',
      message: 'Container my-training-job failed: The image does not exist.',
      exit_code: 1,
    })
  })

  it('ends with 5 in the wrong state and with 6 without room', async () => {
    fake.state.failure = new GpulabError('container_wrong_state')
    expect((await run('stop', uuidOf('3f2a9c1e'))).code).toBe(5)
    fake.state.failure = new GpulabError('no_capacity', { hint: 'Try another GPU type.' })
    const { code, stderr } = await run('start', uuidOf('3f2a9c1e'))
    expect(code).toBe(6)
    expect(stderr).toBe('gpulab: No host has room for this container.\n  Try another GPU type.\n')
  })
})

describe('rm', () => {
  it('needs --force where there is nobody to ask', async () => {
    const { code, stderr } = await run('rm', 'my-training-job')
    expect(code).toBe(2)
    expect(stderr).toContain('--force')
    expect(fake.state.removed).toEqual([])
  })

  it('deletes several', async () => {
    const { code, stdout } = await run('rm', 'my-training-job', 'de4567ab', '--yes')
    expect(code).toBe(0)
    expect(stdout).toBe('✓ Deleted my-training-job (3f2a9c1e)\n✓ Deleted test-server (de4567ab)\n')
    expect(fake.state.removed).toEqual(['my-training-job', 'test-server'])
  })

  it('deletes nothing when one of them is not there or could be two', async () => {
    expect((await run('rm', 'my-training-job', 'nothing', '--force')).code).toBe(3)
    expect((await run('rm', 'my-training-job', 'de4567', '--force')).code).toBe(2)
    expect(fake.state.removed).toEqual([])
  })

  it('asks on a terminal', async () => {
    const ask = (answer: string) =>
      runOnTerminal(['rm', 'my-training-job'], { env: fake.env, prompt: '[y/N]', answer })
    const refused = await ask('n\n')
    expect(refused.code).toBe(130)
    expect(refused.screen).toContain('Delete my-training-job (3f2a9c1e) and everything in it? [y/N]')
    expect(fake.state.removed).toEqual([])
    expect((await ask('\u0004')).code).toBe(130)
    expect(fake.state.removed).toEqual([])
    expect((await ask('y\n')).code).toBe(0)
    expect(fake.state.removed).toEqual(['my-training-job'])
  })
})
