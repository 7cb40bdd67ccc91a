import { GpulabError } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'
import { sampleExecResult, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['exec', ...args], { env: fake.env })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, { failure: undefined, execs: [], exec: () => sampleExecResult() })
})

describe('the command', () => {
  it.each([
    [
      ['C', '--', 'ls', '--json', '-h', '--', 'a b', ''],
      ['ls', '--json', '-h', '--', 'a b', ''],
    ],
    [
      ['C', 'ls', '-la', '--help'],
      ['ls', '-la', '--help'],
    ],
    [
      ['-q', 'C', 'sh', '-c', 'echo "$X" \n'],
      ['sh', '-c', 'echo "$X" \n'],
    ],
  ])('of %j goes through byte for byte', async (args, command) => {
    const { code } = await run(...args.map((argument) => (argument === 'C' ? 'my-training-job' : argument)))
    expect(code).toBe(0)
    expect(fake.state.execs.map((options) => options.command)).toEqual([command])
  })

  it('comes with its environment, directory, user, time and limit', async () => {
    await run(
      'my-training-job',
      ...'--timeout 2m -e A=1 -eB=2=3 -w /workspace -u nobody --max-output 2MiB -- true'.split(' '),
    )
    expect(fake.state.execs).toEqual([
      {
        command: ['true'],
        timeout: 120,
        env: { A: '1', B: '2=3' },
        workdir: '/workspace',
        user: 'nobody',
        max_output: 2 << 20,
      },
    ])
  })

  it('is asked for when it is missing', async () => {
    for (const args of [['my-training-job'], ['my-training-job', '--']]) {
      const { code, stderr } = await run(...args)
      expect(code).toBe(2)
      expect(stderr).toContain('gpulab exec my-training-job -- nvidia-smi')
    }
    expect((await run('--', 'ls')).code).toBe(2)
    expect(fake.state.execs).toEqual([])
  })
})

describe('the result', () => {
  it('is written to its own descriptors with every byte, and ends with its own code', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    fake.state.exec = () =>
      sampleExecResult({
        stdout: bytes.toString('base64'),
        stdout_encoding: 'base64',
        stderr: 'warnung: größer\n',
        exit_code: 42,
      })
    const result = await run('my-training-job', '--', 'true')
    expect(result.code).toBe(42)
    expect(result.bytes.equals(bytes)).toBe(true)
    expect(result.stderr).toBe('warnung: größer\n')
  })

  it('is one JSON document with --json, and still ends with the command’s code', async () => {
    fake.state.exec = () => sampleExecResult({ stdout: 'x', exit_code: 127 })
    const { code, stdout, stderr } = await run('my-training-job', '--json', '--', 'nope')
    expect(code).toBe(127)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(sampleExecResult({ stdout: 'x', exit_code: 127 }))
  })

  it('is printed as far as it came when the time is up', async () => {
    fake.state.exec = () =>
      sampleExecResult({ stdout: 'half', exit_code: 124, timed_out: true, stdout_truncated: true })
    const { code, stdout, stderr } = await run('my-training-job', '--timeout', '1', '--', 'sleep', '9')
    expect({ code, stdout }).toEqual({ code: 124, stdout: 'half' })
    expect(stderr).toContain('after 1 s')
    expect(stderr).toContain('--max-output')
  })

  it('is a failure when it had to be cut, unless a limit was asked for', async () => {
    fake.state.exec = () => sampleExecResult({ stdout: 'half', stdout_truncated: true })
    const cut = await run('my-training-job', '--', 'cat', 'model.bin')
    expect(cut).toMatchObject({ code: 125, stdout: 'half' })
    expect(cut.stderr).toContain('exit code 0, but its stdout was cut off after 4 MiB')
    expect(await run('my-training-job', '--max-output', '4', '--', 'cat', 'model.bin')).toMatchObject({
      code: 0,
      stdout: 'half',
    })
  })
})

describe('the time', () => {
  it('of the command is not cut short by that of a request', async () => {
    fake.state.exec = async () => {
      await delay(400)
      return sampleExecResult({ stdout: 'done' })
    }
    const env = { ...fake.env, GPULAB_TIMEOUT: '100ms' }
    const { code, stdout } = await runCli(['exec', uuidOf('3f2a9c1e'), '--', 'true'], { env })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done' })
  })
})

describe('a failure of the platform', () => {
  it.each(['container_not_running', 'host_unreachable', 'scope_missing', 'container_not_found'] as const)(
    '(%s) is 125',
    async (code) => {
      fake.state.failure = new GpulabError(code)
      const result = await run(uuidOf('3f2a9c1e'), '--json', '--', 'true')
      expect(result.code).toBe(125)
      expect(result.stdout).toBe('')
      expect(result.error).toMatchObject({ code, exit_code: 125, origin: 'platform' })
    },
  )

  it('never says that a command may be run again which may have run', async () => {
    fake.state.exec = () => {
      fake.cut()
      return sampleExecResult()
    }
    const result = await run('my-training-job', '--json', '--', 'rm', 'x')
    expect(result.code).toBe(125)
    expect(result.error).toMatchObject({ code: 'exec_outcome_unknown', retryable: false, exit_code: 125 })
    expect(fake.state.execs).toHaveLength(1)
  })

  it('(an API that is down, a wrong key, an unknown name) is 125', async () => {
    const command = ['exec', 'nothing', '--', 'true']
    const down = { ...fake.env, GPULAB_API_URL: 'http://127.0.0.1:1' }
    expect((await runCli(command, { env: down })).code).toBe(125)
    expect((await runCli(command, { env: { ...fake.env, GPULAB_API_KEY: 'wrong' } })).code).toBe(125)
    expect((await runCli(command, { env: fake.env })).code).toBe(125)
  })
})
