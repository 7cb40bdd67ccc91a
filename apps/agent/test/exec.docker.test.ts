import type { agent, CallInput, TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findProcesses } from './find-processes.ts'
import { startTestHost, type TestHost } from './test-host.ts'

type Body = CallInput<typeof agent.exec>['body']

let host: TestHost
let container: TargetContainer

beforeAll(async () => {
  host = await startTestHost()
  container = await host.deploy()
})
afterAll(() => host[Symbol.asyncDispose]())

const run = async (command: Body['command'], options: Partial<Body> = {}, signal?: AbortSignal) => {
  const client = await host.control.host()
  const body = { container_uuid: container.uuid, command, ...options }
  return client.exec({ body }, signal ? { signal } : {})
}

describe('output', () => {
  it('keeps the two streams apart and every byte', async () => {
    const result = await run('printf "out\\n\\n"; printf "err" >&2; exit 3')
    expect(result).toMatchObject({
      stdout: 'out\n\n',
      stderr: 'err',
      exit_code: 3,
      signal: null,
      origin: 'command',
    })
    expect(result.stdout_encoding).toBe('utf-8')
  })

  it('that is not UTF-8 comes as base64', async () => {
    const result = await run("printf '\\377\\000\\001'; printf 'ä' >&2")
    expect(result).toMatchObject({
      stdout: '/wAB',
      stdout_encoding: 'base64',
      stderr: 'ä',
      stderr_encoding: 'utf-8',
    })
  })

  it('beyond the bound is cut off and said so, and the command still ends', async () => {
    const result = await run('head -c 5000000 /dev/zero | tr "\\0" x; echo done >&2', { max_output: 1000 })
    expect(result).toMatchObject({ stdout: 'x'.repeat(1000), stdout_truncated: true, stderr: 'done\n' })
    expect(result).toMatchObject({ stderr_truncated: false, exit_code: 0 })
  })

  it('of 8 MB is complete on both streams', async () => {
    const script = 'head -c 4000000 /dev/zero | tr "\\0" o; head -c 4000000 /dev/zero | tr "\\0" e >&2'
    const result = await run(script, { max_output: 4 << 20 })
    expect([result.stdout.length, result.stderr.length]).toEqual([4_000_000, 4_000_000])
  })
})

describe('a command', () => {
  it('gets its arguments untouched', async () => {
    const hard = ['', ' a  b ', '"\'`$(id)\\', 'ü\n\t', '-n', '*']
    const result = await run(['sh', '-c', 'for a; do printf "%s|" "$a"; done', 'sh', ...hard])
    expect(result.stdout).toBe(hard.map((argument) => `${argument}|`).join(''))
  })

  it('gets environment, directory and user', async () => {
    const result = await run('echo "$A $PWD $(id -u)"', { env: { A: 'x y' }, workdir: '/tmp', user: '65534' })
    expect(result.stdout).toBe('x y /tmp 65534\n')
  })

  it('that does not exist ends with 127, one that cannot be run with 126', async () => {
    expect(await run(['no-such', 'x'])).toMatchObject({
      exit_code: 127,
      stdout: '',
      stderr: 'no-such: executable file not found in $PATH\n',
    })
    expect(await run(['/no/such'])).toMatchObject({
      exit_code: 127,
      stderr: '/no/such: no such file or directory\n',
    })
    expect(await run(['/etc/passwd'])).toMatchObject({
      exit_code: 126,
      stderr: '/etc/passwd: permission denied\n',
    })
    expect(await run('no-such')).toMatchObject({ exit_code: 127 })
  })

  it('that a signal ended says which', async () => {
    expect(await run('kill -9 $$')).toMatchObject({ exit_code: 137, signal: 'SIGKILL' })
    expect(await run('kill -TERM $$')).toMatchObject({ exit_code: 143, signal: 'SIGTERM' })
  })

  it('that leaves something running in the background comes back', async () => {
    const result = await run('sleep 60 >/dev/null 2>&1 & echo started')
    expect(result).toMatchObject({ stdout: 'started\n', exit_code: 0, timed_out: false })
  })

  it('that closes its output is waited for', async () => {
    expect(await run('exec >&- 2>&-; sleep 1; exit 5')).toMatchObject({ exit_code: 5 })
  })
})

describe('a timeout', () => {
  it('ends the whole tree within two seconds and keeps the output', async () => {
    const word = `7${Date.now()}`
    const script = `echo before; (setsid sh -c 'setsid sh -c "sleep ${word} & sleep ${word}" & sleep ${word}' &)
      env -i setsid sleep ${word} & trap "" TERM; sleep ${word}`
    const startedAt = Date.now()
    const result = await run(script, { timeout: 1 })
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(result).toMatchObject({ exit_code: 124, timed_out: true, stdout: 'before\n' })
    expect(await findProcesses(word)).toEqual([])
  })

  it('holds for one that closed its output', async () => {
    const word = `8${Date.now()}`
    const result = await run(`exec >&- 2>&-; sleep ${word}`, { timeout: 1 })
    expect(result).toMatchObject({ exit_code: 124, timed_out: true })
    expect(await findProcesses(word)).toEqual([])
  })
})

describe('a caller that leaves', () => {
  it('takes the command along', async () => {
    const word = `9${Date.now()}`
    const leaving = new AbortController()
    const running = run(`setsid sleep ${word}`, {}, leaving.signal).catch((error: Error) => error.name)
    await eventually(async () => expect(await findProcesses(word)).not.toEqual([]))
    leaving.abort()
    expect(await running).toBe('AbortError')
    await eventually(async () => expect(await findProcesses(word)).toEqual([]))
  })

  it('leaves nothing behind, at whatever moment of the start', async () => {
    const word = `6${Date.now()}`
    const client = await host.control.host()
    const leave = async (afterMs: number): Promise<void> => {
      const body = { container_uuid: container.uuid, command: ['sh', '-c', `sleep ${word}; true`] }
      await client.exec({ body }, { signal: AbortSignal.timeout(afterMs) }).catch(() => {})
    }
    for (let ms = 1; ms <= 120; ms += 17) {
      await Promise.all([0, 3, 6, 9, 12].map((more) => leave(ms + more)))
    }
    // Its start comes after those that were under way.
    expect((await run('true')).exit_code).toBe(0)
    await eventually(async () => expect(await findProcesses(word)).toEqual([]), { timeoutMs: 10_000 })
  })
})

describe('a refusal', () => {
  it('says that too many commands are under way, and spares other containers', async () => {
    const other = await host.deploy()
    const leaving = new AbortController()
    const word = `5${Date.now()}`
    const many = Array.from({ length: 16 }, () =>
      run(`sleep ${word}`, {}, leaving.signal).catch((error: Error) => error.name),
    )
    await eventually(
      async () => expect((await findProcesses(word)).length).toBeGreaterThanOrEqual(many.length),
      { timeoutMs: 20_000 },
    )
    await expect(run('true')).rejects.toMatchObject({ code: 'rate_limited' })
    expect((await run('true', { container_uuid: other.uuid })).exit_code).toBe(0)
    leaving.abort()
    expect(new Set(await Promise.all(many))).toEqual(new Set(['AbortError']))
    await eventually(async () => expect(await findProcesses(word)).toEqual([]), { timeoutMs: 10_000 })
    await eventually(async () => expect((await run('true')).exit_code).toBe(0), { timeoutMs: 10_000 })
  })

  it('says that the container does not exist', async () => {
    await expect(run('true', { container_uuid: randomUUID() })).rejects.toMatchObject({
      code: 'container_not_found',
    })
  })

  it('says that the container is not running', async () => {
    const stopped = host.wish({ command: ['true'] })
    host.control.want(stopped)
    await host.control.settled(stopped.uuid)
    const failed = run('true', { container_uuid: stopped.uuid })
    await expect(failed).rejects.toMatchObject({ code: 'container_not_running' })
  })

  it('gives the sentence of the engine', async () => {
    await expect(run('true', { workdir: '/none' })).rejects.toMatchObject({ code: 'command_failed' })
    await expect(run('true', { workdir: '/none' })).rejects.toThrow(/\/none.*no such file/)
    await expect(run('true', { user: 'nobody-such' })).rejects.toThrow(/unable to find user nobody-such/)
    await expect(run('true', { workdir: '/proc/self/fd/7' })).rejects.toThrow(/not allowed/)
    await expect(run('true', { workdir: '/tmp/../proc/self' })).rejects.toThrow(/not allowed/)
  })
})

describe('the socket of the operator', () => {
  it('serves the same', async () => {
    const body = { container_uuid: container.uuid, command: 'echo local' }
    expect((await host.agent.local.exec({ body })).stdout).toBe('local\n')
    expect(await host.agent.local.health()).toMatchObject({ engine: { available: true, message: null } })
  })
})
