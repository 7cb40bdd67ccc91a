import { GpulabError } from '@gpulab/contract'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, runCli, runOnTerminal } from './run-cli.ts'
import { sampleContainer, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['deploy', ...args], { env: fake.env })
const job = ['--name', 'job', '--template', 'pytorch', '--gpu-type', 'RTX 4090']

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    failure: undefined,
    created: [],
    removed: [],
    done: new Map(),
    containers: [],
    statuses: [],
    deployLines: [],
  })
  fake.state.cutEvery = Number.POSITIVE_INFINITY
})

describe('succeeds', () => {
  it("looks like the plan's picture", async () => {
    const { stdout, stderr, code } = await run(...job)
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toBe(`✓ Container deployed successfully

  Name:    job
  UUID:    ${uuidOf('77b01d00')}
  Status:  deploying
  GPU:     NVIDIA GeForce RTX 4090
  Ports:   8080 → https://3f2a9c1e-8080.proxy.example
           8888 → https://3f2a9c1e-8888.proxy.example
`)
  })

  it('sends every flag', async () => {
    const { code } = await run(
      ...job,
      ...'--ports 8080,8888 --env BATCH_SIZE=32 --env URL=a=b --secret TOKEN=t=1 --memory 32 --cpus 1.5 --gpu-count 2 --disk 50 --restart on-failure:5 --if-exists replace'.split(
        ' ',
      ),
      '--command',
      'python train.py',
    )
    expect(code).toBe(0)
    expect(fake.state.created).toEqual([
      {
        name: 'job',
        template: uuidOf('10000000'),
        gpu_type: 'NVIDIA GeForce RTX 4090',
        gpu_count: 2,
        ports: [8080, 8888],
        port_modes: {},
        env: { BATCH_SIZE: '32', URL: 'a=b' },
        secrets: { TOKEN: 't=1' },
        command: 'python train.py',
        memory_bytes: 32 * 2 ** 30,
        cpus: 1.5,
        disk_bytes: 50 * 2 ** 30,
        restart: { policy: 'on-failure', max_retries: 5 },
        queue: false,
        if_exists: 'replace',
        volumes: [],
      },
    ])
  })

  it('asks for several GPU types in the order of preference, each once', async () => {
    const types = ['--gpu-type', 'A100,RTX 4090', '--gpu-type', '3090', '--gpu-type', 'nvidia a100']
    await run('--template', 'pytorch', ...types)
    const [created] = fake.state.created
    expect(created).not.toHaveProperty('gpu_type')
    expect(created?.gpu_types).toEqual(['NVIDIA A100', 'NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 3090'])
  })

  it('prints the container with its uuid twice as JSON, and once with -q', async () => {
    const { stdout } = await run(...job, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      uuid: uuidOf('77b01d00'),
      container_id: uuidOf('77b01d00'),
      status: 'deploying',
    })
    expect((await run('--image', 'x', '-q')).stdout).toBe(`${uuidOf('77b01d01')}\n`)
  })

  it('takes the GPU type of the configuration file, for GPU templates only', async () => {
    const home = createHome()
    mkdirSync(join(home, '.gpulab'))
    writeFileSync(join(home, '.gpulab/config.json'), '{"default_gpu_type":"A100","default_output":"quiet"}')
    const env = { ...fake.env, HOME: home }
    const { stdout } = await runCli(['deploy', '--template', 'pytorch'], { env })
    expect(stdout).toBe(`${uuidOf('77b01d00')}\n`)
    await runCli(['deploy', '--template', 'ubuntu-22'], { env })
    expect(fake.state.created.map((body) => body.gpu_type)).toEqual(['NVIDIA A100', undefined])
  })
})

describe('in line', () => {
  const place = (position: number) => ({
    status: 'queued',
    queue: { position, reason: 'No NVIDIA A100 is free.' },
  })

  it('says its place and what is missing', async () => {
    const { stdout, code } = await run(...job, '--queue')
    expect(code).toBe(0)
    expect(stdout).toContain(`✓ Container queued

  Name:    job
  UUID:    ${uuidOf('77b01d00')}
  Status:  queued
  Queue:   position 2: No NVIDIA A100 is free
  GPU:`)
    expect(fake.state.created).toMatchObject([{ queue: true }])
  })

  it('waits until it runs', async () => {
    fake.state.statuses = [place(2), place(1), 'deploying', 'running']
    expect(JSON.parse((await run(...job, '--queue', '--wait', '--json')).stdout)).toMatchObject({
      status: 'running',
      queue: null,
      adopted: false,
    })
  })

  it('no longer than it was told, and tells how to leave', async () => {
    fake.state.statuses = [place(1)]
    const { error, code } = await run(...job, '--queue', '--wait', '--wait-timeout', '1', '--json')
    expect(code).toBe(124)
    expect(error).toMatchObject({ code: 'wait_timeout', details: { status: 'queued' } })
    expect(error.hint).toContain('gpulab rm 77b01d00 takes it out')
  })

  it('ends when it is given up', async () => {
    fake.state.statuses = [place(1), 'failed']
    const { error, code } = await run(...job, '--queue', '--wait', '--json')
    expect(code).toBe(1)
    expect(error).toMatchObject({ code: 'container_failed' })
  })

  it('shows on a terminal how it comes nearer', async () => {
    fake.state.statuses = [place(1)]
    const { screen, code } = await runOnTerminal(['deploy', ...job, '--queue', '--wait'], {
      env: { ...fake.env, NO_COLOR: '1' },
      prompt: 'Waiting in line with job, position 1: No NVIDIA A100 is free',
      answer: '\u0003',
    })
    expect(code).toBe(130)
    expect(screen).toContain('gpulab: Interrupted; job stays in line.')
  })

  it('stays there at Ctrl-C, and says how to take it out', async () => {
    fake.state.statuses = [place(1)]
    const { code, stdout, stderr } = await runCli(['deploy', ...job, '--queue', '--wait'], {
      env: fake.env,
      interruptAfter: vi.waitFor(() => expect(fake.state.containers[0]?.queue?.position).toBe(1), 5000),
    })
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr).toBe(
      'gpulab: Interrupted; job stays in line.\n  gpulab inspect 77b01d00 shows its place, gpulab rm 77b01d00 takes it out.\n',
    )
    expect(fake.state.removed).toEqual([])
  })
})

describe('a name that is there already', () => {
  beforeEach(() => {
    fake.state.containers = [
      sampleContainer({ name: 'job', status: 'stopped', exit_code: 137, uptime: null }),
    ]
  })

  it('is a conflict, unless told otherwise', async () => {
    expect((await run(...job)).code).toBe(5)
    expect(fake.state.created).toEqual([])
  })

  it('is adopted as it is, and says so', async () => {
    const { code, stdout } = await run(...job, '--if-exists', 'adopt')
    expect(code).toBe(0)
    expect(stdout).toContain(`✓ Container exists already

  Name:    job
  UUID:    ${uuidOf('3f2a9c1e')}
  Status:  stopped
`)
    const json = await run(...job, '--if-exists', 'adopt', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ adopted: true, uuid: uuidOf('3f2a9c1e') })
    expect(fake.state.created).toEqual([])
  })

  it('and stopped tells how to start it, also to who waits', async () => {
    const args = ['deploy', ...job, '--if-exists', 'adopt']
    const { screen } = await runOnTerminal(args, { env: fake.env, prompt: '\0', answer: '' })
    expect(screen).toContain("Use 'gpulab start 3f2a9c1e' to start it")
    const waiting = await run(...job, '--if-exists', 'adopt', '--wait')
    expect(waiting.code).toBe(1)
    expect(waiting.stderr).toContain('gpulab start 3f2a9c1e starts it again.')
  })

  it('is no reason to adopt what was made just now', async () => {
    const args = ['--image', 'x', '--name', 'new', '--if-exists', 'adopt', '--json']
    expect(JSON.parse((await run(...args)).stdout)).toMatchObject({ adopted: false, name: 'new' })
  })
})

describe('waits', () => {
  it('until the container runs, over cut connections', async () => {
    fake.state.statuses = ['queued', 'deploying', 'deploying', 'running']
    fake.state.cutEvery = 1
    const { stdout, stderr, code } = await run(...job, '--wait', '--json')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ status: 'running', name: 'job' })
  })

  it('and tells at once why it failed, with the end of the deployment log', async () => {
    fake.state.statuses = ['deploying', 'failed']
    fake.state.deployLines = ['pulling nope:1', 'manifest unknown']
    const { stdout, stderr, code } = await run(...job, '--wait')
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe(`  pulling nope:1
  manifest unknown
gpulab: Container job failed: The image does not exist.
  See gpulab logs 77b01d00 --deploy; gpulab rm 77b01d00 removes it.
`)
  })

  it('no longer than it was told', async () => {
    fake.state.statuses = ['deploying']
    const { error, code } = await run(...job, '--wait', '--wait-timeout', '1', '--json')
    expect(code).toBe(124)
    expect(error).toMatchObject({ code: 'wait_timeout', details: { uuid: uuidOf('77b01d00') } })
  })
})

describe('rejects', () => {
  it.each([
    ['an unknown template', ['--template', 'nope', '--gpu-type', 'A100'], 3, 'pytorch-2.1, tensorflow-2.15'],
    ['an unknown GPU type', ['--template', 'pytorch', '--gpu-type', 'H9'], 3, 'NVIDIA A100'],
    ['an ambiguous template', ['--template', 'ubuntu'], 2, 'ubuntu-22.04, ubuntu-24.04'],
    ['an ambiguous GPU type', ['--template', 'pytorch', '--gpu-type', 'RTX'], 2, 'RTX 3090'],
    ['a GPU template without a GPU type', ['--template', 'pytorch'], 2, '--gpu-type'],
    ['neither template nor image', [], 2, '--image'],
    ['a port that is none', [...job, '--ports', '80800'], 2, '"80800"'],
    ['a size that is none', [...job, '--memory', 'much'], 2, '"much"'],
    ['a variable without a value', [...job, '--env', 'NOT_SET_HERE'], 2, 'NOT_SET_HERE=VALUE'],
    ['a GPU type that is blank', [...job.slice(0, 4), '--gpu-type', ' , '], 2, 'names no GPU type'],
    ['one without need', ['--template', 'ubuntu-22.04', '--gpu-type', ','], 2, 'names no GPU type'],
    ['a second GPU type that is unknown', [...job, '--gpu-type', 'H9'], 3, 'NVIDIA A100'],
    ['a restart policy that is none', [...job, '--restart', 'always'], 2, 'unless-stopped'],
    ['disk space that is none', [...job, '--disk', 'much'], 2, '"much"'],
    ['what to do with another of no name', ['--image', 'x', '--if-exists', 'adopt'], 2, '--name'],
    [
      'volumes, until there are some',
      [...job, '--volume', 'data', '--mount-path', '/data'],
      1,
      'not available',
    ],
  ])('%s', async (_, args, exitCode, text) => {
    const { code, stdout, stderr } = await run(...args)
    expect(stderr).toContain(text)
    expect(code).toBe(exitCode)
    expect(stdout).toBe('')
    expect(fake.state.created).toEqual([])
  })

  it('a name that is taken and a lack of GPUs', async () => {
    fake.state.failure = new GpulabError('container_name_taken')
    expect((await run(...job)).code).toBe(5)
    fake.state.failure = new GpulabError('no_capacity')
    expect((await run(...job)).code).toBe(6)
  })
})
