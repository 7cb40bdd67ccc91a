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
  fake.state.gone = []
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
Since:       2026-03-01 10:00:05 UTC
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

  it('shows who has to act until when, and what to do', async () => {
    fake.state.containers = [
      sampleContainer({
        status: 'queued',
        status_reason: { code: 'no_capacity', message: 'No host has room.' },
        deadline: '2026-03-02T10:00:05.000Z',
        owner: 'scheduler',
        next_step: 'Wait, or choose another GPU type.',
        queue: { position: 3, reason: '1 of 2 NVIDIA A100 is free.' },
        gpu_types: ['NVIDIA A100', 'NVIDIA H100'],
        gpu_type: 'NVIDIA A100',
        gpu_count: 2,
        gpus: [],
        disk_bytes: 50 * 2 ** 30,
        restart: { policy: 'on-failure', max_retries: 5 },
        restarts: 2,
        last_exit: {
          exit_code: 137,
          signal: 'SIGKILL',
          oom_killed: true,
          finished_at: '2026-03-01T09:00:00.000Z',
        },
        host: null,
        uptime: null,
        ports: {},
        env: {},
      }),
    ]
    expect((await run('inspect', 'my-training-job')).stdout).toBe(`Container: my-training-job
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
UUID:        ${uuidOf('3f2a9c1e')}
Status:      queued
Reason:      No host has room. (no_capacity)
Since:       2026-03-01 10:00:05 UTC
Ends by:     2026-03-02 10:00:05 UTC
Waits for:   the scheduler
Queue:       position 3: 1 of 2 NVIDIA A100 is free
Next Step:   Wait, or choose another GPU type.
Type:        GPU
GPU:         2× NVIDIA A100
GPU Types:   NVIDIA A100, NVIDIA H100 (the first free)
Memory:      32 GB
CPU Cores:   12
Disk:        50 GB
Image:       pytorch/pytorch:2.1.0-cuda
Template:    pytorch-2.1
Restart:     on-failure, at most 5 times in a row (2 so far)
Created:     2026-03-01 10:00:00 UTC
Last Exit:   137 (SIGKILL, out of memory) at 2026-03-01 09:00:00 UTC
`)
    expect((await run('ls')).stdout).toContain('queued (#3)   2× A100   -\n')
  })

  it('shows how a container has ended, once', async () => {
    const exit = { exit_code: 139, signal: 'SIGSEGV', oom_killed: false, finished_at: null }
    fake.state.containers = [
      sampleContainer({ status: 'failed', exit_code: 139, exit_signal: 'SIGSEGV', last_exit: exit }),
    ]
    const { stdout } = await run('inspect', 'my-training-job')
    expect(stdout).toContain('Exit Code:   139 (SIGSEGV)\n')
    expect(stdout).not.toContain('Last Exit')
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

  it('ends with 1 when a stop fails, and at once when it is overtaken or its object is deleted', async () => {
    const reason = { code: 'stop_timeout', message: 'It did not stop in time.' }
    fake.state.statuses = ['stopping', { status: 'failed', status_reason: reason, next_step: 'Ask.' }]
    const failed = await run('stop', 'my-training-job', '--wait')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toBe('gpulab: Container my-training-job failed: It did not stop in time.\n  Ask.\n')
    fake.state.statuses = ['stopping', 'starting']
    const overtaken = await run('stop', 'my-training-job', '--wait')
    expect(overtaken.code).toBe(5)
    expect(overtaken.stderr).toContain('it was started again meanwhile')
    fake.state.statuses = ['deleting']
    expect((await run('start', 'my-training-job', '--wait')).code).toBe(1)
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

describe('redeploy', () => {
  const args = ['redeploy', 'my-training-job']

  it('needs --force where there is nobody to ask', async () => {
    const { code, stderr } = await run(...args)
    expect(code).toBe(2)
    expect(stderr).toContain('--force')
    expect((await run(...args, '--json')).error).toMatchObject({ code: 'input_required', exit_code: 2 })
    expect(fake.state.containers[0]?.status).toBe('running')
  })

  it('waits until it runs', async () => {
    fake.state.statuses = ['deploying', 'running']
    const { code, stdout } = await run(...args, '--yes', '--wait')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '✓ my-training-job is running\n' })
  })

  it('asks on a terminal, and says what is lost', async () => {
    const ask = (answer: string) => runOnTerminal(args, { env: fake.env, prompt: '[y/N]', answer })
    const refused = await ask('n\n')
    expect(refused.code).toBe(130)
    expect(refused.screen).toContain('Make my-training-job (3f2a9c1e) anew and lose all files in it? [y/N]')
    expect(fake.state.containers[0]?.status).toBe('running')
    expect((await ask('y\n')).code).toBe(0)
    expect(fake.state.containers[0]?.status).toBe('deploying')
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

  it('takes one that is gone by then for deleted', async () => {
    fake.state.gone = [uuidOf('de4567ab')]
    const { code, stdout } = await run('rm', 'test-server', '--force', '-q')
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${uuidOf('de4567ab')}\n` })
  })

  it('deletes nothing when one of them is not there or could be two', async () => {
    expect((await run('rm', 'my-training-job', 'nothing', '--force')).code).toBe(3)
    expect((await run('rm', 'my-training-job', 'de4567', '--force')).code).toBe(2)
    expect(fake.state.removed).toEqual([])
  })

  it('names all that are wrong', async () => {
    const { code, stderr } = await run('rm', 'one', 'my-training-job', 'two', 'de4567', 'two', '--force')
    expect(code).toBe(3)
    expect(stderr).toMatch(
      /^gpulab: There is no container "one"\. There is no container "two"\. "de4567" matches 2 containers: .*\.\n {2}Run gpulab ls/,
    )
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
