import type { Session } from '@gpulab/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { exitOf, type FakeProgram } from './fake-session.ts'
import { createFakeSessions } from './fake-sessions.ts'
import { runCli, runOnTerminal } from './run-cli.ts'
import { uuidOf } from './samples.ts'

let fake: FakeApi
const name = 'my-training-job'
const run = (...args: string[]) => runCli(['sessions', ...args], { env: fake.env })
const id = uuidOf('5e550000')

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  fake.state.sessions = createFakeSessions()
})

/** A detached session of the program. */
async function start(program: FakeProgram, ...flags: string[]): Promise<void> {
  fake.state.sessions.program = () => program
  const { code } = await runCli(['exec', name, '-d', ...flags, '--', 'train', 'a\u001bb'], { env: fake.env })
  expect(code).toBe(0)
}

const talking: FakeProgram = {
  start: (session) => {
    session.write('stdout', Buffer.from([0, 255, 10]))
    session.drop(7)
    session.write('stderr', Buffer.from('oh\n'))
    session.finish(exitOf(3))
  },
}

describe('sessions ls', () => {
  it('shows them, with what is strange made harmless', async () => {
    await start({})
    const { code, stdout } = await run('ls', name)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ID +STATE +KIND +AGE +OUTPUT +COMMAND\n/)
    expect(stdout).toMatch(/5e550000 +running +detached +\S+ +0 +train a\\u001bb\n$/)
    expect((await run('ls', name, '-q')).stdout).toBe(`${id}\n`)
    expect(JSON.parse((await run('ls', name, '--json')).stdout) as Session[]).toMatchObject([
      { id, state: 'running', detached: true },
    ])
  })

  it('leaves out what nobody will come back to, unless asked', async () => {
    fake.state.sessions.program = () => talking
    await runCli(['exec', name, '--', 'true'], { env: fake.env })
    expect((await run('ls', name, '-q')).stdout).toBe('')
    expect((await run('ls', name, '-q', '--all')).stdout).toBe(`${id}\n`)
  })
})

describe('sessions attach', () => {
  it('gives everything that is kept, tells what is not, and ends with its code', async () => {
    await start(talking)
    const { code, bytes, stderr } = await run('attach', name, '5e5500')
    expect({ code, bytes: [...bytes] }).toEqual({ code: 3, bytes: [0, 255, 10] })
    expect(stderr).toBe('gpulab: 7 bytes of output are not kept any more, and missing here.\noh\n')
  })

  it('begins where it is told to', async () => {
    await start(talking)
    const { bytes, stderr } = await run('attach', name, id, '--offset', '10')
    expect({ bytes: [...bytes], stderr }).toEqual({ bytes: [], stderr: 'oh\n' })
  })

  it('is 125 of one that is not there', async () => {
    const { code, stderr } = await run('attach', name, uuidOf('77777777'))
    expect(code).toBe(125)
    expect(stderr).toContain('There is no such session.')
  })
})

describe('sessions output', () => {
  it('prints what is kept, in bytes or as JSON', async () => {
    await start(talking)
    const plain = await run('output', name, id)
    expect({ code: plain.code, bytes: [...plain.bytes] }).toEqual({ code: 0, bytes: [0, 255, 10] })
    expect(plain.stderr).toContain('7 bytes of output')
    const lines = (await run('output', name, id, '--json')).stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      { offset: 0, stream: 'stdout', data: 'AP8K', gap: null },
      { offset: 3, stream: null, data: null, gap: 7 },
      { offset: 10, stream: 'stderr', data: 'b2gK', gap: null },
    ])
  })
})

describe('sessions wait', () => {
  it('ends with the code of the session', async () => {
    await start(talking)
    expect(await run('wait', name, id)).toMatchObject({ code: 3, stdout: '5e550000: exited (3)\n' })
    expect(JSON.parse((await run('wait', name, id, '--json')).stdout)).toMatchObject({ exit_code: 3 })
  })

  it('tells why the program could not be run', async () => {
    const message = 'train: executable file not found in $PATH'
    await start({ start: (session) => session.finish(exitOf(127, { message })) })
    expect(await run('wait', name, id)).toMatchObject({ code: 127, stderr: `gpulab: ${message}\n` })
  })

  it('ends with 124 when the time is over', async () => {
    await start({})
    expect((await run('wait', name, id, '--timeout', '300ms')).code).toBe(124)
  })

  it('ends with 125 where its end is not known', async () => {
    await start({ start: (session) => session.finish(exitOf(null, { reason: 'lost' })) })
    const { code, stderr } = await run('wait', name, id)
    expect(code).toBe(125)
    expect(stderr).toContain('The agent of the host was restarted')
  })
})

describe('sessions kill', () => {
  it('kills it', async () => {
    await start({})
    expect(await run('kill', name, id)).toMatchObject({ code: 0, stdout: '✓ 5e550000: killed\n' })
    expect(fake.state.sessions.killed).toEqual([id])
  })
})

describe('ssh', () => {
  it('opens the login shell on the terminal, and leaves with ~.', async () => {
    fake.state.sessions.program = () => ({
      start: (session) => session.write('stdout', Buffer.from('\u001b[?1049hprompt>')),
      input: (session, bytes) => session.write('stdout', bytes),
    })
    const { code, screen } = await runOnTerminal(['ssh', name], {
      env: fake.env,
      prompt: 'prompt>',
      answer: '~.',
    })
    expect(code).toBe(130)
    expect(screen).toBe('\u001b[?1049hprompt>\r\n\u001b[?1049l\u001b[0m')
    expect(fake.state.sessions.created).toMatchObject([{ stdin: true, tty: {} }])
    expect(fake.state.sessions.created[0]?.command).toBeUndefined()
    expect(fake.state.sessions.killed).toEqual([id])
  })

  it('runs a command with standard input, and ends with its code', async () => {
    fake.state.sessions.program = () => ({
      input: (session, bytes) => session.write('stdout', bytes),
      endInput: (session) => session.finish(exitOf(4)),
    })
    const { code, stdout } = await runCli(['ssh', name, '--', 'cat'], { env: fake.env, input: 'in' })
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'in' })
    expect(fake.state.sessions.created).toMatchObject([{ command: ['cat'], stdin: true, tty: null }])
  })

  it('needs a terminal for a shell', async () => {
    const { code, stderr } = await runCli(['ssh', name], { env: fake.env })
    expect(code).toBe(2)
    expect(stderr).toContain('no terminal')
  })
})
