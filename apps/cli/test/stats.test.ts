import type { ContainerStats } from '@gpulab/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli, runOnTerminal } from './run-cli.ts'
import { sampleContainer, sampleStats } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['stats', 'my-training-job', ...args], { env: fake.env })
const samples = (count: number): ContainerStats[] =>
  Array.from({ length: count }, (_, index) => sampleStats({ pids: index + 1 }))
const pidsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as ContainerStats).pids)

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    containers: [sampleContainer()],
    samples: samples(4),
    streams: 0,
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
  })
})

describe('stats', () => {
  it('are a picture, an object, or a line for scripts', async () => {
    const { stdout, stderr, code } = await run()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^Container: my-training-job \(3f2a9c1e\)\n━+\nCPU: {6}542\.4% .*\nMemory: [^]*PIDs: {5}1 /,
    )
    expect(JSON.parse((await run('--json')).stdout)).toEqual(sampleStats({ pids: 2 }))
    expect((await run('-q')).stdout).toBe('542.4 19864223744\n')
  })

  it('need a container that runs', async () => {
    fake.state.containers = [sampleContainer({ status: 'stopped' })]
    const { code, error } = await run('--json')
    expect({ code, error }).toMatchObject({ code: 5, error: { code: 'container_not_running' } })
    expect((await run('--watch')).code).toBe(5)
    expect((await runCli(['stats', 'nothing'], { env: fake.env })).code).toBe(3)
  })
})

describe('watched stats', () => {
  it('are an object a line, until the container ends', async () => {
    const { stdout, stderr, code } = await run('--watch', '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(pidsOf(stdout)).toEqual([1, 2, 3, 4])
  })

  it('survive cuts', async () => {
    fake.state.cutEvery = 1
    const { stdout, code } = await run('--watch', '--json')
    expect(code).toBe(0)
    expect(pidsOf(stdout)).toEqual([1, 2, 3, 4])
    expect(fake.state.streams).toBe(4)
  })

  it('are pictures one after the other where there is no terminal', async () => {
    const { stdout } = await run('--watch')
    expect(stdout).not.toContain('\u001B')
    expect(stdout.split('\n\nContainer: ')).toHaveLength(4)
  })

  it('take the place of those before on a terminal, and end with the status', async () => {
    const { code, screen } = await runOnTerminal(['stats', 'my-training-job', '--watch'], {
      env: fake.env,
      prompt: 'never asked',
      answer: '',
    })
    expect(code).toBe(0)
    expect(screen.split('\u001B[12A')).toHaveLength(4)
    expect(screen).toMatch(
      /Container my-training-job is .*stopped.*: Its command ended with exit code 0\.\r\n$/,
    )
    expect(screen).not.toContain('\u001B[?25')
  })

  it('leave the terminal as it was at Ctrl-C', async () => {
    fake.state.endless = true
    const { code, screen } = await runOnTerminal(['stats', 'my-training-job', '-w'], {
      env: fake.env,
      prompt: 'PIDs:     4',
      answer: '\u0003',
    })
    expect(code).toBe(130)
    // The cursor is below the picture, where the shell goes on.
    expect(screen).toMatch(/PIDs: {5}4 \/ 512.*\r\n\u001B\[J(\^C)?gpulab: Interrupted\.\r\n$/)
  })
})
