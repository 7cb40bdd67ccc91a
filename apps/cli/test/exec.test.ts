import { GpulabError } from '@gpulab/contract'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { cat, exitOf } from './fake-session.ts'
import { createFakeSessions, printing } from './fake-sessions.ts'
import { createHome, program, runCli, runOnTerminal } from './run-cli.ts'
import { sampleExecResult, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['exec', ...args], { env: fake.env })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    failure: undefined,
    execs: [],
    exec: () => sampleExecResult(),
    sessions: createFakeSessions(),
  })
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
    expect(fake.state.sessions.created.map((request) => request.command)).toEqual([command])
  })

  it.each([
    ['a name', () => 'my-training-job', 1],
    ['a uuid', () => fake.state.containers[0]?.uuid ?? '', 1],
    // Only a list tells whose it is.
    ['a part of a uuid', () => fake.state.containers[0]?.uuid.slice(0, 8) ?? '', 2],
  ])('takes one connection for %s', async (_, reference, requests) => {
    const { code, stderr } = await run('--debug', reference(), '--', 'true')
    expect(code).toBe(0)
    expect(stderr.match(/\/v1\//g)).toHaveLength(requests)
  })

  it('comes with its environment, directory, user and time', async () => {
    await run('my-training-job', ...'--timeout 2h -e A=1 -eB=2=3 -w /workspace -u nobody -- true'.split(' '))
    expect(fake.state.sessions.created).toMatchObject([
      {
        command: ['true'],
        timeout: 7200,
        env: { A: '1', B: '2=3' },
        workdir: '/workspace',
        user: 'nobody',
        stdin: false,
        tty: null,
        detached: false,
      },
    ])
  })

  it('is one request with --json, with all of that and a limit', async () => {
    await run(
      'my-training-job',
      ...'--json --timeout 2m -e A=1 -w /workspace -u nobody --max-output 2MiB -- true'.split(' '),
    )
    expect(fake.state.sessions.created).toEqual([])
    expect(fake.state.execs).toEqual([
      {
        command: ['true'],
        timeout: 120,
        env: { A: '1' },
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
    expect(fake.state.sessions.created).toEqual([])
  })

  it('has no flags that exclude each other', async () => {
    for (const flags of ['-d -i', '-d -t', '-d --interactive', '-t --json'])
      expect((await run('my-training-job', ...flags.split(' '), '--', 'true')).code).toBe(2)
    expect(fake.state.sessions.created).toEqual([])
  })

  it('gets no terminal where there is none', async () => {
    for (const flag of ['-t', '-it', '--interactive']) {
      const { code, stderr } = await run('my-training-job', flag, '--', 'true')
      expect(code).toBe(2)
      expect(stderr).toMatch(/no terminal/)
    }
    expect(fake.state.sessions.created).toEqual([])
  })

  it('gets the terminal that there is, its size and its name', async () => {
    const { code, screen } = await runOnTerminal(['exec', 'my-training-job', '-t', '--', 'true'], {
      env: fake.env,
      prompt: 'nothing',
      answer: '',
    })
    expect({ code, screen }).toEqual({ code: 0, screen: '\u001b[0m' })
    expect(fake.state.sessions.created).toMatchObject([
      {
        tty: { columns: expect.any(Number) as number, rows: expect.any(Number) as number },
        env: { TERM: 'xterm' },
      },
    ])
  })
})

describe('the output', () => {
  it('is written to its own descriptors with every byte, and ends with its own code', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    fake.state.sessions.program = () => ({
      start: (session) => {
        session.write('stdout', bytes)
        session.write('stderr', Buffer.from('warnung: größer\n'))
        session.finish(exitOf(42))
      },
    })
    const result = await run('my-training-job', '--', 'true')
    expect(result.code).toBe(42)
    expect(result.bytes.equals(bytes)).toBe(true)
    expect(result.stderr).toBe('warnung: größer\n')
  })

  it('comes into a file in the order in which it was written', async () => {
    const lines = Array.from({ length: 2000 }, (_, index) => `${index} ${'x'.repeat(500)}\n`)
    fake.state.sessions.program = () => ({
      start: (session) => {
        for (const line of lines) session.write('stdout', Buffer.from(line))
        session.finish(exitOf(0))
      },
    })
    const file = join(createHome(), 'output')
    const line = [...program, 'exec', 'my-training-job', '--', 'true'].map((word) => `'${word}'`).join(' ')
    const child = spawn('sh', ['-c', `${line} > '${file}'`], {
      env: { ...fake.env, PATH: process.env['PATH'], HOME: createHome() },
    })
    await once(child, 'close')
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  })

  it('is one JSON document with --json, and still ends with the command’s code', async () => {
    fake.state.exec = () => sampleExecResult({ stdout: 'x', exit_code: 127 })
    const { code, stdout, stderr } = await run('my-training-job', '--json', '--', 'nope')
    expect(code).toBe(127)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(sampleExecResult({ stdout: 'x', exit_code: 127 }))
  })

  it('is one JSON document too of what is no single request', async () => {
    fake.state.sessions.program = () => cat
    const { code, stdout, stderr } = await runCli(['exec', 'my-training-job', '-i', '--json', '--', 'cat'], {
      env: fake.env,
      input: 'in and out',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ stdout: 'in and out', exit_code: 0, origin: 'command' })
    expect(fake.state.sessions.created).toMatchObject([{ stdin: true, timeout: 30 }])
  })

  it('is what came until the time was up', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => {
        session.write('stdout', Buffer.from('half'))
        session.finish(exitOf(124, { reason: 'timed_out' }))
      },
    })
    const { code, stdout, stderr } = await run('my-training-job', '--timeout', '1', '--', 'sleep', '9')
    expect({ code, stdout }).toEqual({ code: 124, stdout: 'half' })
    expect(stderr).toContain('after 1 s')
  })

  it('is cut where that was asked for, and the command goes on', async () => {
    fake.state.sessions.program = () => printing('0123456789', 3)
    const { code, stdout, stderr } = await run(
      'my-training-job',
      '--max-output',
      '4',
      '--',
      'cat',
      'model.bin',
    )
    expect({ code, stdout }).toEqual({ code: 3, stdout: '0123' })
    expect(stderr).toContain('--max-output')
  })

  it('says where some is missing', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => {
        session.drop(1234)
        session.write('stdout', Buffer.from('rest'))
        session.finish(exitOf(0))
      },
    })
    const { code, stdout, stderr } = await run('my-training-job', '--', 'true')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'rest' })
    expect(stderr).toContain('1234 bytes')
  })

  it('comes with the sentence of a command that could not be run', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => session.finish(exitOf(127, { message: 'nope: not found \u001b[31m' })),
    })
    const { code, stdout, stderr } = await run('my-training-job', '--', 'nope')
    expect({ code, stdout, stderr }).toEqual({
      code: 127,
      stdout: '',
      stderr: 'gpulab: nope: not found \\u001b[31m\n',
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
    const { code, stdout } = await runCli(['exec', uuidOf('3f2a9c1e'), '--json', '--', 'true'], { env })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ stdout: 'done' })
  })
})

describe('a session of which nobody knows whether it was started', () => {
  it('is asked for until that is known, and started once', async () => {
    fake.state.sessions.program = () => printing('once\n')
    fake.state.sessions.failures = Array.from({ length: 8 }, () => new GpulabError('exec_outcome_unknown'))
    expect(await run('my-training-job', '--', 'true')).toMatchObject({ code: 0, stdout: 'once\n' })
    expect(fake.state.sessions.created).toHaveLength(1)
  })

  it('is found again when the connection that started it was cut', async () => {
    Object.assign(fake.state.sessions, { program: () => printing('once\n'), opening: 'cut' })
    expect(await run('my-training-job', '--', 'true')).toMatchObject({
      code: 0,
      stdout: 'once\n',
      stderr: '',
    })
    expect(fake.state.sessions.created).toHaveLength(1)
  })
})

it('an API that starts no sessions over their connection is asked in the other way', async () => {
  Object.assign(fake.state.sessions, { program: () => printing('once\n'), opening: 'unknown' })
  expect(await run('my-training-job', '--', 'true')).toMatchObject({ code: 0, stdout: 'once\n', stderr: '' })
  expect(fake.state.sessions.created).toHaveLength(1)
})

it('a command takes one connection', async () => {
  expect(await run(uuidOf('3f2a9c1e'), '--debug', '--', 'true')).toMatchObject({ code: 0 })
  const { stderr } = await run(uuidOf('3f2a9c1e'), '--debug', '--', 'true')
  expect(stderr.match(/^> /gm)).toHaveLength(1)
})

describe('a detached command', () => {
  it('is left running, and its session told', async () => {
    const made = await run('my-training-job', '-d', '--', 'sleep', '9')
    expect(made).toMatchObject({ code: 0, stdout: `${uuidOf('5e550000')}\n`, stderr: '' })
    const json = await run('my-training-job', '-d', '--json', '--', 'sleep', '9')
    expect(JSON.parse(json.stdout)).toMatchObject({ id: uuidOf('5e550001'), detached: true })
    expect(fake.state.sessions.all.map(({ session }) => session.attachments)).toEqual([0, 0])
  })
})

describe('a failure of the platform', () => {
  it.each(['container_not_running', 'host_unreachable', 'scope_missing', 'container_not_found'] as const)(
    '(%s) is 125',
    async (code) => {
      fake.state.failure = new GpulabError(code)
      for (const flags of [[], ['-i'], ['-d']]) {
        const result = await run(uuidOf('3f2a9c1e'), '--json', ...flags, '--', 'true')
        expect(result.code).toBe(125)
        expect(result.stdout).toBe('')
        expect(result.error).toMatchObject({ code, exit_code: 125, origin: 'platform' })
      }
    },
  )

  it('(an end that nobody knows) is 125, and says why', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => session.finish(exitOf(null, { reason: 'container_ended' })),
    })
    const plain = await run('my-training-job', '--', 'true')
    expect(plain.code).toBe(125)
    expect(plain.stderr).toContain('The container ended while the command ran.')
    const json = await run('my-training-job', '-i', '--json', '--', 'true')
    expect(json.code).toBe(125)
    expect(json.error).toMatchObject({ code: 'container_not_running', origin: 'platform' })
  })

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

describe('Ctrl-C', () => {
  it('before there is a session leaves, and what was started meanwhile is killed', async () => {
    const asked = Promise.withResolvers<void>()
    fake.state.sessions.program = () => {
      asked.resolve()
      return {}
    }
    const cli = runCli(['exec', 'my-training-job', '--', 'true'], {
      env: fake.env,
      interruptAfter: asked.promise,
    })
    // It may have begun by then: then it is for the program, which does not care.
    await asked.promise
    await delay(300)
    for (const { session } of fake.state.sessions.all) session.finish(exitOf(130))
    expect((await cli).code).toBe(130)
  })

  it('is sent on, and the program decides', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => session.write('stdout', Buffer.from('ready')),
      signal: (session, signal) => {
        session.write('stdout', Buffer.from(` ${signal}`))
        session.finish(exitOf(5))
      },
    })
    const { code, stdout } = await runCli(['exec', 'my-training-job', '--', 'true'], {
      env: fake.env,
      interruptAt: 'ready',
    })
    expect({ code, stdout }).toEqual({ code: 5, stdout: 'ready SIGINT' })
  })

  it('leaves the second time, and kills what does not care', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => session.write('stdout', Buffer.from('ready')),
      // Sends one more at each.
      signal: (session, signal) => session.write('stdout', Buffer.from(`ready ${signal}`)),
    })
    const { code, stdout } = await runCli(['exec', 'my-training-job', '--', 'true'], {
      env: fake.env,
      interruptAt: 'ready',
    })
    expect({ code, stdout }).toEqual({ code: 130, stdout: 'readyready SIGINT' })
    expect(fake.state.sessions.killed).toEqual([uuidOf('5e550000')])
  })
})
