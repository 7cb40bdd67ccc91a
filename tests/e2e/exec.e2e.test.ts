import type { ExecResult } from '@gpulab/contract'
import { eventually, run } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { peakKib } from './src/peak-memory.ts'
import { spawnCli } from './src/spawn-cli.ts'
import { hashOf, useWorkshop, workshop } from './src/use-workshop.ts'

const shop = useWorkshop()
const { exec, sh, list, running } = shop
const name = workshop

describe('the bytes', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, (1 << 20) + 1, 16 << 20])(
    'of an input of %i bytes come back as they were',
    async (size) => {
      const input = randomBytes(size)
      const { code, bytes, stderr } = await shop.system.gpulab(['exec', '-i', name, '--', 'cat'], { input })
      expect({ code, stderr, length: bytes.length }).toEqual({ code: 0, stderr: '', length: size })
      expect(hashOf(bytes)).toBe(hashOf(input))
    },
  )

  it('of an input have an end, which tar waits for', async () => {
    const cli = spawnCli(shop.system, ['exec', '-i', name, '--', 'tar', 'x', '-C', '/tmp'])
    const tar = await shop.system.gpulab(['exec', name, '--', 'tar', 'c', '-C', '/etc', 'passwd', 'group'])
    cli.child.stdin.end(tar.bytes)
    expect(await cli.ended).toBe(0)
    expect(await sh('cmp /etc/passwd /tmp/passwd && cmp /etc/group /tmp/group')).toMatchObject({ code: 0 })
  })

  it('of standard input stay where they are without -i', async () => {
    const cli = spawnCli(shop.system, ['exec', name, '--', 'cat'])
    expect(await cli.ended).toBe(0)
    expect(cli.stdout()).toHaveLength(0)
  })

  it('of standard error come on their own', async () => {
    const script = String.raw`printf 'o\000\377'; printf 'e\n' >&2; printf o2; printf e2 >&2`
    const cli = spawnCli(shop.system, ['exec', name, '--', 'sh', '-c', script])
    expect(await cli.ended).toBe(0)
    expect([...cli.stdout()]).toEqual([0x6f, 0, 255, 0x6f, 0x32])
    expect(cli.stderr()).toBe('e\ne2')
  })

  it('come as they are written, not at the end', async () => {
    const cli = spawnCli(shop.system, [
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
    const cli = spawnCli(shop.system, ['exec', name, '--', 'echo'])
    await cli.ended
    const env = { ...process.env, ...shop.system.cli.env }
    const script = String.raw`exec "$0" exec "$1" --json -- echo "$(printf '\377')"`
    const refused = await run('bash', ['-c', script, shop.system.cli.program, name], { env })
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
    expect((await shop.system.gpulab(['exec', 'nothing', '--', 'true'])).code).toBe(125)
    const refused = await shop.system.gpulab(['exec', name, '--json', '--', 'true'], {
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
    const { code, stdout, stderr } = await shop.system.gpulab(
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
    const cli = spawnCli(shop.system, ['exec', name, '--', 'sh', '-c', `echo ready; ${script}`])
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
    const cli = spawnCli(shop.system, ['exec', name, '--', 'yes'], { isRead: false })
    // The pipe is full, and then everything up to the program.
    await eventually(async () => expect(await running()).toMatchObject([{ attached: true }]), {
      timeoutMs: 20_000,
    })
    await eventually(
      async () => {
        const [first] = await running()
        const [second] = await running()
        // What may be sent beyond what was taken, of which some programs take none before the pipe has room for all.
        expect(second?.end_offset).toBeGreaterThan((1 << 20) - (64 << 10))
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
    const cli = spawnCli(shop.system, ['exec', name, '--', 'yes'], { isRead: false })
    let bytes = 0
    cli.child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length))
    const pids = [cli.child.pid ?? 0, shop.system.api.pid, shop.system.agent.pid]
    const peaks: number[][] = []
    for (const target of [64 << 20, 256 << 20]) {
      await eventually(() => expect(bytes).toBeGreaterThan(target), { timeoutMs: 120_000 })
      peaks.push(pids.map((pid) => peakKib(pid)))
    }
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    const [first = [], last = []] = peaks
    // Of client, API and agent, each.
    last.forEach((peak, n) => expect(peak - (first[n] ?? 0)).toBeLessThan(64 << 10))
  })
})

describe('a reader that has seen enough', () => {
  it('ends the command, as a pipe does', async () => {
    const cli = spawnCli(shop.system, ['exec', name, '--', 'yes'], { isRead: false })
    await once(cli.child.stdout, 'data')
    cli.child.stdout.destroy()
    expect(await cli.ended).toBe(141)
    expect(cli.stderr()).toBe('')
    expect(await running()).toEqual([])
  })
})
