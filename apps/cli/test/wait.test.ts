import { GpulabError } from '@gpulab/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'
import { sampleContainer, sampleExecResult, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['wait', 'my-training-job', ...args], { env: fake.env })
const lines = ['starting', 'epoch 1', 'epoch 2: \u001B[2Jready'].map((line, index) => ({
  ts: `2026-03-01T10:00:0${index}.000000000Z`,
  stream: 'stdout' as const,
  line,
}))
const header = '  sl  local_address rem_address   st\n'
const listening = `${header}   0: 0100007F:22B8 00000000:0000 0A\n`

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    containers: [sampleContainer()],
    statuses: [],
    execs: [],
    exec: () => sampleExecResult({ stdout: header }),
    logLines: lines,
    streams: 0,
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
  })
})
const isNow = (status: string, ...later: (typeof fake.state.statuses)[number][]): void => {
  fake.state.containers = [sampleContainer({ status, since: new Date().toISOString() })]
  fake.state.statuses = later
}

describe('waiting for a status', () => {
  it('ends at once where it is so', async () => {
    expect(await run('--for', 'running')).toMatchObject({ code: 0, stdout: '✓ my-training-job is running\n' })
    expect(fake.state.streams).toBe(0)
  })

  it.each([
    ['running', 'queued', ['deploying', 'running']],
    ['stopped', 'running', ['restarting', 'running', 'stopping', 'stopped']],
  ])('%s ends when it is', async (goal, first, later) => {
    isNow(first, ...later)
    const { code, stdout } = await run('--for', goal, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ uuid: uuidOf('3f2a9c1e'), status: goal, for: goal })
    expect((await run('--for', goal, '-q')).stdout).toBe(`${uuidOf('3f2a9c1e')}\n`)
  })

  it.each([
    ['running', 'deploying', 'failed'],
    ['running', 'stopping', 'stopped'],
    ['stopped', 'running', 'failed'],
    ['stopped', 'running', 'deleting'],
  ])('%s fails at once when a container that is %s is %s', async (goal, first, last) => {
    isNow(first, last)
    expect((await run('--for', goal, '--json')).error).toMatchObject({
      code: 'container_failed',
      exit_code: 1,
      details: { status: last },
    })
    isNow(last)
    expect((await run('--for', goal)).code).toBe(1)
  })

  it('ends with 124 when the time is over, and with 130 at Ctrl-C', async () => {
    const late = await run('--for', 'stopped', '--timeout', '300ms', '--json')
    expect(late).toMatchObject({ code: 124, stdout: '' })
    expect(late.error).toMatchObject({
      code: 'wait_timeout',
      message: 'Container my-training-job was not stopped within 0.3 s.',
    })
    fake.state.streams = 0
    const opened = vi.waitFor(() => expect(fake.state.streams).toBe(1), 5000)
    const args = ['wait', 'my-training-job', '--for', 'stopped']
    expect(await runCli(args, { env: fake.env, interruptAfter: opened })).toMatchObject({ code: 130 })
  })

  it.each([
    [[]],
    [['--for', 'happiness']],
    [['--for', 'port:0']],
    [['--for', 'running', '--timeout', 'soon']],
  ])('is wrong usage with %j', async (flags) => {
    expect((await run(...flags)).code).toBe(2)
  })
})

describe('waiting for a line of the log', () => {
  it('ends with the first line that matches, over cuts, and shows it harmlessly', async () => {
    fake.state.endless = true
    expect(await run('--for', 'log:/READY/i')).toMatchObject({
      code: 0,
      stdout: '✓ my-training-job wrote: epoch 2: \\u001b[2Jready\n',
    })
    fake.state.cutEvery = 1
    const { stdout } = await run('--for', String.raw`log:/epoch \d/`, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      for: String.raw`log:/epoch \d/`,
      log_line: { line: 'epoch 1', stream: 'stdout' },
    })
  })

  it('waits until the container runs', async () => {
    isNow('deploying', 'running')
    expect((await run('--for', 'log:/ready/')).code).toBe(0)
  })

  it('fails when the container has ended without it, and takes one that had it', async () => {
    isNow('stopped')
    const { error } = await run('--for', 'log:/never/', '--json')
    expect(error).toMatchObject({ code: 'container_failed', exit_code: 1 })
    expect(error.message).toContain('has written no line that matches /never/')
    expect((await run('--for', 'log:/ready/')).code).toBe(0)
  })

  it('does not take the end of a stream for that of the container', async () => {
    const opened = vi.waitFor(() => expect(fake.state.streams).toBeGreaterThan(1), 5000)
    const args = ['wait', 'my-training-job', '--for', 'log:/never/']
    expect((await runCli(args, { env: fake.env, interruptAfter: opened })).code).toBe(130)
  })

  it('is not begun where the container never ran', async () => {
    fake.state.containers = [sampleContainer({ status: 'failed', started_at: null })]
    expect((await run('--for', 'log:/ready/')).code).toBe(1)
  })
})

describe('waiting for a port', () => {
  it('looks at the sockets of the container until one listens', async () => {
    const answers = [
      { stdout: header },
      // Killed, as by a restart of the container.
      { stdout: '', exit_code: 137, signal: 'SIGKILL' },
      // Without IPv6 there is no second file.
      { stdout: listening, exit_code: 1 },
    ]
    fake.state.exec = () => sampleExecResult(answers.shift())
    expect(await run('--for', 'port:8888')).toMatchObject({
      code: 0,
      stdout: '✓ my-training-job listens on port 8888\n',
    })
    expect(fake.state.execs.map(({ command }) => command)).toEqual(
      Array.from({ length: 3 }, () => ['cat', '/proc/net/tcp', '/proc/net/tcp6']),
    )
  })

  it('waits until the container runs, and over what passes', async () => {
    isNow('deploying', 'running')
    const failures = [new GpulabError('host_unreachable'), new GpulabError('container_not_running')]
    fake.state.exec = () => {
      const failure = failures.shift()
      if (failure) throw failure
      return sampleExecResult({ stdout: listening })
    }
    expect((await run('--for', 'port:8888')).code).toBe(0)
    expect(failures).toEqual([])
  })

  it('fails at once when the container ends', async () => {
    isNow('running', 'stopped')
    const { error } = await run('--for', 'port:8888', '--json')
    expect(error).toMatchObject({ code: 'container_failed', exit_code: 1 })
  })

  it('says so where the image has no cat', async () => {
    fake.state.exec = () => sampleExecResult({ exit_code: 127, stderr: 'cat: not found' })
    const { error } = await run('--for', 'port:8888', '--json')
    expect(error).toMatchObject({ code: 'not_available', exit_code: 1 })
    expect(error.message).toContain('its image has no cat')
    expect(error.hint).toContain('--for "log:')
  })

  it('ends with 124 when nothing listens in time', async () => {
    const { code, stderr } = await run('--for', 'port:8888', '--timeout', '500ms')
    expect(code).toBe(124)
    expect(stderr).toContain('did not listen on port 8888 within 0.5 s')
  })
})
