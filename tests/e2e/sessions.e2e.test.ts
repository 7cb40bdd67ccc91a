import type { Container, ExecResult, Session } from '@gpulab/contract'
import { eventually, startTcpProxy, type TcpProxy } from '@gpulab/testing'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { spawnCli } from './src/spawn-cli.ts'
import { startSystem, type System } from './src/start-system.ts'

let system: System
let proxy: TcpProxy
const name = 'workshop'

beforeAll(async () => {
  system = await startSystem()
  proxy = await startTcpProxy({ target: { port: system.apiPort } })
  await system.json<Container>('deploy', '--name', name, '--template', 'ubuntu', '--memory', '1', '--wait')
})
afterEach(async () => {
  proxy.heal()
  // Whatever a failed test has left is no other one's.
  for (const { id } of await running()) await system.gpulab(['sessions', 'kill', name, id])
})
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await system?.[Symbol.asyncDispose]()
})

const exec = (...args: string[]) => system.gpulab(['exec', name, ...args])
const sh = (script: string) => exec('--', 'sh', '-c', script)
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const proxied = (): { apiUrl: string } => ({ apiUrl: `http://127.0.0.1:${proxy.port}` })
const list = async (): Promise<Session[]> =>
  JSON.parse((await system.gpulab(['sessions', 'ls', name, '--all', '--json'])).stdout)
const running = async (): Promise<Session[]> => (await list()).filter(({ state }) => state === 'running')

describe('the bytes', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, (1 << 20) + 1, 16 << 20])(
    'of an input of %i bytes come back as they were',
    async (size) => {
      const input = randomBytes(size)
      const { code, bytes, stderr } = await system.gpulab(['exec', '-i', name, '--', 'cat'], { input })
      expect({ code, stderr, length: bytes.length }).toEqual({ code: 0, stderr: '', length: size })
      expect(hashOf(bytes)).toBe(hashOf(input))
    },
  )

  it('of an input have an end, which tar waits for', async () => {
    const cli = spawnCli(system, ['exec', '-i', name, '--', 'tar', 'x', '-C', '/tmp'])
    const tar = await system.gpulab(['exec', name, '--', 'tar', 'c', '-C', '/etc', 'passwd', 'group'])
    cli.child.stdin.end(tar.bytes)
    expect(await cli.ended).toBe(0)
    expect(await sh('cmp /etc/passwd /tmp/passwd && cmp /etc/group /tmp/group')).toMatchObject({ code: 0 })
  })

  it('of standard input stay where they are without -i', async () => {
    const cli = spawnCli(system, ['exec', name, '--', 'cat'])
    expect(await cli.ended).toBe(0)
    expect(cli.stdout()).toHaveLength(0)
  })

  it('of standard error come on their own', async () => {
    const script = String.raw`printf 'o\000\377'; printf 'e\n' >&2; printf o2; printf e2 >&2`
    const cli = spawnCli(system, ['exec', name, '--', 'sh', '-c', script])
    expect(await cli.ended).toBe(0)
    expect([...cli.stdout()]).toEqual([0x6f, 0, 255, 0x6f, 0x32])
    expect(cli.stderr()).toBe('e\ne2')
  })

  it('come as they are written, not at the end', async () => {
    const cli = spawnCli(system, [
      'exec',
      '-i',
      name,
      '--',
      'sh',
      '-c',
      'echo ready; read line; echo "$line"',
    ])
    await eventually(() => expect(cli.stdout().toString()).toBe('ready\n'), { timeoutMs: 20_000 })
    cli.child.stdin.write('go\n')
    expect(await cli.ended).toBe(0)
    expect(cli.stdout().toString()).toBe('ready\ngo\n')
  })
})

describe('the arguments', () => {
  it.each([
    ['quotes', [`it's "quoted"`, '$HOME', '`id`', String.raw`back\slash`]],
    ['line breaks and blanks', ['a\nb', ' ', '', '\t']],
    ['any script', ['größe 日本 🎉', '-n', '--json', '--']],
    ['200 KiB', ['x'.repeat(100 << 10), 'y'.repeat(100 << 10)]],
  ])('with %s go through', async (_what, args) => {
    const { code, bytes } = await exec('--', 'printf', String.raw`%s\0`, ...args)
    expect(code).toBe(0)
    expect(bytes.toString().split('\0').slice(0, -1)).toEqual(args)
  })

  it('that are no text are refused, not changed', async () => {
    const cli = spawnCli(system, ['exec', name, '--', 'echo'])
    await cli.ended
    const env = { ...process.env, ...system.cli.env }
    const { run } = await import('@gpulab/testing')
    const script = String.raw`exec "$0" exec "$1" --json -- echo "$(printf '\377')"`
    const refused = await run('bash', ['-c', script, system.cli.program, name], { env })
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'invalid_request' } })
  })
})

describe('the exit code', () => {
  it.each([
    ['exit 0', 0],
    ['exit 3', 3],
    ['kill -INT $$', 130],
    ['kill -KILL $$', 137],
  ])('of "%s" is %i', async (script, code) => {
    expect((await sh(script)).code).toBe(code)
  })

  it('says whether a command was found, and could be run', async () => {
    expect(await exec('--', 'no-such-command')).toMatchObject({ code: 127, stdout: '' })
    expect(await exec('--', '/etc/passwd')).toMatchObject({ code: 126, stdout: '' })
    expect((await exec('--', 'no-such-command')).stderr).toContain('no-such-command')
  })

  it('is 124 when the time is up, and everything that was started is gone', async () => {
    const script = 'echo before; (setsid sleep 991 &) ; sleep 992'
    const late = await exec('--timeout', '1', '--', 'sh', '-c', script)
    expect(late).toMatchObject({ code: 124, stdout: 'before\n' })
    expect(late.stderr).toContain('--timeout')
    expect((await sh('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).stdout).not.toMatch(/sleep 99[12]/)
  })

  it('is 125 for failures of the platform, with their cause', async () => {
    expect((await system.gpulab(['exec', 'nothing', '--', 'true'])).code).toBe(125)
    const refused = await system.gpulab(['exec', name, '--json', '--', 'true'], {
      env: { GPULAB_API_KEY: 'gpulab_wrong_key' },
    })
    expect(refused.code).toBe(125)
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { exit_code: 125, origin: 'platform' } })
  })

  it('is 2 for -t without a terminal, and nothing is started', async () => {
    const before = await list()
    for (const flag of ['-t', '-it', '--interactive'])
      expect((await exec(flag, '--', 'touch', '/tmp/started')).code).toBe(2)
    expect(await list()).toHaveLength(before.length)
  })
})

describe('with --json', () => {
  it('input and a long time are possible too', async () => {
    const { code, stdout, stderr } = await system.gpulab(
      ['exec', name, '-i', '--json', '--max-output', '4', '--', 'sh', '-c', 'cat; echo e >&2; exit 6'],
      { input: Buffer.from([0xff, 1, 2, 3, 4]) },
    )
    expect({ code, stderr }).toEqual({ code: 6, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      stdout: Buffer.from([0xff, 1, 2, 3]).toString('base64'),
      stdout_encoding: 'base64',
      stdout_truncated: true,
      stderr: 'e\n',
      exit_code: 6,
      origin: 'command',
    } satisfies Partial<ExecResult>)
  })
})

describe('Ctrl-C', () => {
  const begin = async (script: string) => {
    const cli = spawnCli(system, ['exec', name, '--', 'sh', '-c', `echo ready; ${script}`])
    await eventually(() => expect(cli.stdout().toString()).toContain('ready'), { timeoutMs: 20_000 })
    return cli
  }

  it('goes to the command, which decides', async () => {
    const cli = await begin(`trap 'echo trapped; exit 5' INT; while :; do sleep 0.1; done`)
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(5)
    expect(cli.stdout().toString()).toBe('ready\ntrapped\n')
  })

  it('ends a command that does not care', async () => {
    const cli = await begin('exec sleep 600')
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
  })

  it('leaves the second time, and takes the command along', async () => {
    const cli = await begin(`trap 'echo no' INT; while :; do sleep 0.1; done`)
    cli.child.kill('SIGINT')
    await eventually(() => expect(cli.stdout().toString()).toContain('no'), { timeoutMs: 20_000 })
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    expect(await running()).toEqual([])
  })

  it('takes the command along when it is SIGTERM', async () => {
    const cli = await begin(`trap '' TERM; while :; do sleep 0.1; done`)
    cli.child.kill('SIGTERM')
    expect(await cli.ended).toBe(143)
    expect(await running()).toEqual([])
  })

  it('gets through a flood that nobody reads', async () => {
    const cli = spawnCli(system, ['exec', name, '--', 'yes'], { isRead: false })
    // The pipe is full, and then everything up to the program.
    await eventually(async () => expect(await running()).toMatchObject([{ attached: true }]), {
      timeoutMs: 20_000,
    })
    await eventually(
      async () => {
        const [first] = await running()
        const [second] = await running()
        expect(second?.end_offset).toBeGreaterThan(1 << 20)
        expect(second?.end_offset).toBe(first?.end_offset)
      },
      { timeoutMs: 20_000 },
    )
    cli.child.kill('SIGINT')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 10_000 })
    cli.child.stdout.resume()
    expect(await cli.ended).toBe(130)
  })

  it('gets through a flood that is read as fast as it comes, and memory stays flat', async () => {
    const cli = spawnCli(system, ['exec', name, '--', 'yes'], { isRead: false })
    let bytes = 0
    cli.child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length))
    const pids = [cli.child.pid ?? 0, system.api.pid, system.agent.pid]
    const peaks: number[][] = []
    for (const target of [64 << 20, 256 << 20]) {
      await eventually(() => expect(bytes).toBeGreaterThan(target), { timeoutMs: 120_000 })
      peaks.push(await Promise.all(pids.map(peakKib)))
    }
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    const [first = [], last = []] = peaks
    // Of client, API and agent, each.
    last.forEach((peak, n) => expect(peak - (first[n] ?? 0)).toBeLessThan(64 << 10))
  })
})

const peakKib = async (pid: number): Promise<number> =>
  Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])

describe('a reader that has seen enough', () => {
  it('ends the command, as a pipe does', async () => {
    const cli = spawnCli(system, ['exec', name, '--', 'yes'], { isRead: false })
    await once(cli.child.stdout, 'data')
    cli.child.stdout.destroy()
    expect(await cli.ended).toBe(141)
    expect(cli.stderr()).toBe('')
    expect(await running()).toEqual([])
  })
})

/** Lines whose order and number show whether any is missing or there twice. */
const numbers = (count: number): string => Array.from({ length: count }, (_, n) => `${n + 1}\n`).join('')

describe('a connection that is cut', () => {
  it('in the middle of output costs nothing', async () => {
    const count = 1_500_000
    const cli = spawnCli(system, ['exec', name, '--', 'seq', String(count)], proxied())
    for (const mebibytes of [1, 3, 6]) {
      await eventually(() => expect(cli.stdout().length).toBeGreaterThan(mebibytes << 20), {
        timeoutMs: 30_000,
      })
      proxy.cut()
    }
    expect(await cli.ended).toBe(0)
    expect(cli.stderr()).toBe('')
    expect(hashOf(cli.stdout())).toBe(hashOf(Buffer.from(numbers(count))))
  })

  it('in the middle of input costs nothing', async () => {
    const input = randomBytes(16 << 20)
    const cli = spawnCli(system, ['exec', '-i', name, '--', 'cat'], proxied())
    cli.child.stdin.end(input)
    for (const mebibytes of [1, 5, 9]) {
      await eventually(() => expect(cli.stdout().length).toBeGreaterThan(mebibytes << 20), {
        timeoutMs: 30_000,
      })
      proxy.cut()
    }
    expect(await cli.ended).toBe(0)
    expect(hashOf(cli.stdout())).toBe(hashOf(input))
  })

  it('at the end of everything does not hide how it ended', async () => {
    const cli = spawnCli(
      system,
      ['exec', '-i', name, '--', 'sh', '-c', 'echo out; read x; exit 9'],
      proxied(),
    )
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    proxy.set({ kind: 'stall', direction: 'to-client' })
    cli.child.stdin.end('x\n')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
    proxy.cut()
    proxy.heal()
    expect(await cli.ended).toBe(9)
    expect(cli.stdout().toString()).toBe('out\n')
  })

  it('that nobody ends is noticed, and left for another one', { timeout: 180_000 }, async () => {
    const cli = spawnCli(
      system,
      ['exec', name, '--', 'sh', '-c', 'echo out; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo on'],
      proxied(),
    )
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    proxy.set({ kind: 'black-hole' })
    await sh('touch /tmp/go')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
    // Its connection stays deaf; new ones are well.
    proxy.heal()
    expect(await cli.ended).toBe(0)
    expect(cli.stdout().toString()).toBe('out\non\n')
  })
})

describe('a program of ours that is killed', () => {
  const copy = async (disturb: () => Promise<void>) => {
    const input = randomBytes(8 << 20)
    const cli = spawnCli(system, ['exec', '-i', name, '--', 'cat'])
    cli.child.stdin.write(input.subarray(0, 4 << 20))
    await eventually(() => expect(cli.stdout().length).toBeGreaterThan(2 << 20), { timeoutMs: 30_000 })
    const disturbed = disturb()
    cli.child.stdin.end(input.subarray(4 << 20))
    await disturbed
    expect(await cli.ended).toBe(0)
    expect(hashOf(cli.stdout())).toBe(hashOf(input))
  }

  it('(the API) costs nothing', () =>
    copy(async () => {
      await system.api.stop('SIGKILL')
      await system.startApi()
    }))

  it('(the agent) costs nothing', () =>
    copy(async () => {
      await system.agent.stop('SIGKILL')
      await system.startAgent()
    }))
})

describe('a container that is stopped', () => {
  it('ends the command with 125, and says why', async () => {
    const other = ['--name', 'short-lived', '--template', 'ubuntu', '--memory', '1', '--wait']
    await system.json<Container>('deploy', ...other)
    const args = ['exec', 'short-lived', '--', 'sh', '-c', 'echo out; exec sleep 600']
    const cli = spawnCli(system, args)
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    expect((await system.gpulab(['stop', 'short-lived'])).code).toBe(0)
    expect(await cli.ended).toBe(125)
    expect(cli.stderr()).toContain('The container ended while the command ran.')
    await system.gpulab(['rm', 'short-lived', '--force'])
  })
})

describe('a detached command', () => {
  it('goes on alone, and is waited for, read, taken over and killed', async () => {
    const started = await exec('-d', '--', 'sh', '-c', 'echo one; echo two >&2; sleep 1; echo three; exit 4')
    const id = started.stdout.trim()
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    const attached = await system.gpulab(['sessions', 'attach', name, id.slice(0, 8)])
    expect(attached).toMatchObject({ code: 4, stdout: 'one\nthree\n', stderr: 'two\n' })
    expect((await system.gpulab(['sessions', 'wait', name, id])).code).toBe(4)
    expect(await system.gpulab(['sessions', 'output', name, id])).toMatchObject({
      code: 0,
      stdout: 'one\nthree\n',
      stderr: 'two\n',
    })
    expect((await system.gpulab(['sessions', 'ls', name])).stdout).toMatch(
      new RegExp(String.raw`${id.slice(0, 8)} +exited \(4\) +detached`),
    )

    const endless = (await exec('-d', '--', 'sleep', '600')).stdout.trim()
    expect((await system.gpulab(['sessions', 'wait', name, endless, '--timeout', '1'])).code).toBe(124)
    expect((await system.gpulab(['sessions', 'kill', name, endless])).code).toBe(0)
    expect((await system.gpulab(['sessions', 'wait', name, endless])).code).toBe(137)
  })

  it('is not ended by the one who leaves it', async () => {
    const id = (await exec('-d', '--', 'sh', '-c', 'trap "" INT; echo out; exec sleep 600')).stdout.trim()
    const cli = spawnCli(system, ['sessions', 'attach', name, id])
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    cli.child.kill('SIGINT')
    await eventually(async () => expect(await running()).toMatchObject([{ id, attached: true }]), {
      timeoutMs: 10_000,
    })
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    expect(await running()).toMatchObject([{ id }])
    await system.gpulab(['sessions', 'kill', name, id])
  })

  it('shows a gap where more was written than is kept', async () => {
    const id = (await exec('-d', '--', 'sh', '-c', 'head -c 20000000 /dev/zero; echo end')).stdout.trim()
    await system.gpulab(['sessions', 'wait', name, id])
    const attached = await system.gpulab(['sessions', 'attach', name, id, '--offset', '0'])
    const [, lost = '0'] = /(\d+) bytes of output are not kept any more/.exec(attached.stderr) ?? []
    expect(Number(lost)).toBeGreaterThan(0)
    expect(attached.bytes.length + Number(lost)).toBe(20_000_004)
    expect(attached.stdout.endsWith('end\n')).toBe(true)
  })
})

describe('who attaches', () => {
  it('takes the place of the one before, who is told', async () => {
    const cli = spawnCli(system, ['exec', '-i', name, '--', 'sh', '-c', 'echo out; read x; echo "got $x"'])
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    const [session] = await running()
    const next = spawnCli(system, ['sessions', 'attach', '-i', name, session?.id ?? ''])
    expect(await cli.ended).toBe(125)
    expect(cli.stderr()).toContain('Another client has attached to the session.')
    next.child.stdin.end('me\n')
    expect(await next.ended).toBe(0)
    expect(next.stdout().toString()).toContain('got me\n')
  })
})
