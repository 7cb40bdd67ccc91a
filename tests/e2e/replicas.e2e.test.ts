import type { Container } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashOf, makeFile } from './src/open-box.ts'
import { openPty } from './src/open-pty.ts'
import { spawnCli } from './src/spawn-cli.ts'
import { startSystem, type System } from './src/start-system.ts'

const timeoutMs = 60_000
/** Lines of numbers, one every so many seconds. */
const counter = (last: number, pauseSeconds: number): string =>
  `i=0; while [ $i -lt ${last} ]; do i=$((i+1)); echo $i; sleep ${pauseSeconds}; done`
const numbers = (last: number): string => Array.from({ length: last }, (_, n) => `${n + 1}\n`).join('')

let system: System
beforeAll(async () => {
  system = await startSystem({ replicas: 2 })
  await deploy('box')
  await untilAllReach()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const deploy = (name: string, ...options: string[]): Promise<Container> =>
  system.json('deploy', '--name', name, '--template', 'ubuntu', '--memory', '1', '--wait', ...options)
const through = (url: string, ...args: string[]) => system.gpulab(args, { env: { GPULAB_API_URL: url } })
/** Commands that change nothing there, of which the CLI does not hide that they failed. */
const reaches = async (url: string): Promise<void> =>
  expect(await through(url, 'stats', 'box', '--json')).toMatchObject({ code: 0, stderr: '' })
const untilReaches = (url: string): Promise<void> => eventually(() => reaches(url), { timeoutMs })
const untilAllReach = async (): Promise<void> => {
  await Promise.all(system.apis.map(({ url }) => untilReaches(url)))
}

describe('two APIs over one database', () => {
  it.for([0, 1])('both reach the host: number %i', async (n) => {
    const url = system.apis[n]?.url ?? ''
    expect(
      await through(url, 'exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'),
    ).toMatchObject({ code: 3, stdout: 'out\n', stderr: 'err\n' })
    const input = Buffer.alloc(300_000, 'gpulab')
    const echoed = await system.gpulab(['exec', '-i', 'box', '--', 'cat'], {
      env: { GPULAB_API_URL: url },
      input,
    })
    expect(echoed.bytes.equals(input)).toBe(true)
    const { stdout } = await through(
      url,
      'exec',
      '-d',
      'box',
      '--',
      'sh',
      '-c',
      'echo one; sleep 1; echo two',
    )
    expect(await through(url, 'sessions', 'attach', 'box', stdout.trim())).toMatchObject({
      code: 0,
      stdout: 'one\ntwo\n',
    })
    const stats = await through(url, 'stats', 'box', '--json')
    expect(JSON.parse(stats.stdout)).toMatchObject({ pids: expect.any(Number) as number })
    const folder = await mkdtemp(join(system.dir, 'replica-'))
    await makeFile(join(folder, 'in'), 3 << 20)
    expect(await through(url, 'cp', join(folder, 'in'), `box:/tmp/copied-${n}`)).toMatchObject({ code: 0 })
    expect(await through(url, 'cp', `box:/tmp/copied-${n}`, join(folder, 'out'))).toMatchObject({ code: 0 })
    expect(await hashOf(join(folder, 'out'))).toBe(await hashOf(join(folder, 'in')))
  })

  it('both show a log as it grows', async () => {
    await deploy('talker', '--command', counter(30, 0.1))
    const readers = system.apis.map(({ url: apiUrl }) =>
      spawnCli(system, ['logs', 'talker', '--follow', '--tail', 'all'], { apiUrl }),
    )
    for (const { ended, stdout } of readers) {
      expect(await ended).toBe(0)
      expect(stdout().toString()).toBe(numbers(30))
    }
    await system.gpulab(['rm', 'talker', '--force'])
  })
})

describe('a replica', () => {
  const attempts = async (): Promise<string[]> =>
    (await readFile(join(system.dir, 'agent.log'), 'utf8'))
      .split('\n')
      .filter((line) => line.includes('127.0.0.1:1"') && line.includes('uplink could not be made'))

  it('that nobody can dial harms nothing', async () => {
    await system.sql`insert into replicas values ('http://127.0.0.1:1', now() + interval '1 hour')`
    await eventually(async () => expect(await attempts()).toHaveLength(1), { timeoutMs })
    await untilAllReach()
  })

  it.for([0, 1])('that is killed, number %i, is dialled again, and the other goes on', async (n) => {
    const [killed, other] = n === 0 ? system.apis : [...system.apis].toReversed()
    if (!killed || !other) throw new Error('There are no two.')
    const running = spawnCli(system, ['exec', 'box', '--', 'sh', '-c', counter(60, 0.1)])
    await eventually(() => expect(running.stdout().length).toBeGreaterThan(0), { timeoutMs })
    await killed.service.stop('SIGKILL')
    await reaches(other.url)
    expect(await running.ended).toBe(0)
    expect(running.stdout().toString()).toBe(numbers(60))
    await killed.start()
    await untilReaches(killed.url)
    // Said once, however often it was tried by now.
    expect(await attempts()).toHaveLength(1)
  })
})

describe('a rolling restart', () => {
  it('is noticed by nobody: commands, a session, a terminal, a followed log', async () => {
    const last = 600
    await deploy('talker', '--command', counter(last, 0.05))
    const log = spawnCli(system, ['logs', 'talker', '--follow', '--tail', 'all'])
    const session = spawnCli(system, ['exec', 'box', '--', 'sh', '-c', counter(last, 0.05)])
    const echo = spawnCli(system, ['exec', '-i', 'box', '--', 'cat'])
    const pty = openPty(system, 'gpulab ssh box; echo "code $?"')
    await pty.shows(/[#$] $/)
    pty.type(`${counter(last, 0.05)}; echo the "end"\r`)

    const stopping = new AbortController()
    const failures: string[] = []
    let done = 0
    const load = async (...flags: string[]): Promise<void> => {
      while (!stopping.signal.aborted) {
        const text = `command ${done}`
        const { code, stdout, stderr } = await system.gpulab(['exec', ...flags, 'box', '--', 'echo', text])
        if (code !== 0 || !stdout.includes(text) || stderr !== '')
          failures.push(`${code} ${stdout} ${stderr}`)
        done++
      }
    }
    let sent = ''
    const type = async (): Promise<void> => {
      for (let n = 1; !stopping.signal.aborted; n++) {
        sent += `${n}\n`
        echo.child.stdin.write(`${n}\n`)
        await wait(20)
      }
      echo.child.stdin.end()
    }
    const loads = [load(), load('--json'), type()]
    for (const api of system.apis) {
      const before = done
      await api.service.stop('SIGTERM')
      await api.start()
      await eventually(async () => expect((await fetch(`${api.url}/readyz`)).status).toBe(200), { timeoutMs })
      await eventually(() => expect(done).toBeGreaterThan(before + 10), { timeoutMs })
    }
    stopping.abort()
    await Promise.all(loads)
    expect(failures).toEqual([])
    for (const [cli, text] of [
      [log, numbers(last)],
      [session, numbers(last)],
      [echo, sent],
    ] as const) {
      expect([await cli.ended, cli.stderr()]).toEqual([0, ''])
      expect(cli.stdout().toString()).toBe(text)
    }
    await pty.shows('\nthe end\r\n')
    expect(pty.screen()).toContain(numbers(last).replaceAll('\n', '\r\n'))
    expect(pty.screen()).not.toContain('gpulab:')
    pty.type('exit\r')
    await pty.shows('code 0')
    await system.gpulab(['rm', 'talker', '--force'])
  })
})
