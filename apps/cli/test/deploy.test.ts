import { GpulabError } from '@gpulab/contract'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, runCli } from './run-cli.ts'
import { uuidOf } from './samples.ts'

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
      ...'--ports 8080,8888 --env BATCH_SIZE=32 --env URL=a=b --memory 32 --cpus 1.5 --gpu-count 2'.split(
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
        env: { BATCH_SIZE: '32', URL: 'a=b' },
        command: 'python train.py',
        memory_bytes: 32 * 2 ** 30,
        cpus: 1.5,
        volumes: [],
      },
    ])
  })

  it('prints the container with its uuid twice as JSON, and once with -q', async () => {
    const { stdout } = await run(...job, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      uuid: uuidOf('77b01d00'),
      container_id: uuidOf('77b01d00'),
      status: 'deploying',
    })
    expect((await run(...job, '-q')).stdout).toBe(`${uuidOf('77b01d00')}\n`)
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
