import type { Container } from '@gpulab/contract'
import { eventually, run } from '@gpulab/testing'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { hashOf as hashOfFile, makeFile } from './src/open-box.ts'
import { openPty } from './src/open-pty.ts'
import { peakKib } from './src/peak-memory.ts'
import { spawnCli } from './src/spawn-cli.ts'
import { useWorkshop, workshop } from './src/use-workshop.ts'

const shop = useWorkshop()
const { exec, sh, running } = shop
const mostGrowthKib = 64 << 10
const plainOptions = ['--template', 'ubuntu', '--memory', '1', '--wait'] as const

const services = (): number[] => [shop.system.api.pid, shop.system.agent.pid]
const peaks = (pids: readonly number[]): number[] => pids.map((pid) => peakKib(pid))
const expectFlat = (pids: readonly number[], before: readonly number[]): void =>
  expect(Math.max(...peaks(pids).map((peak, n) => peak - (before[n] ?? 0)))).toBeLessThan(mostGrowthKib)

describe('a reader that is stuck', () => {
  it('of a terminal holds no program back, costs no memory, and hears what it has missed', async () => {
    const pty = openPty(shop.system, 'gpulab ssh workshop; echo "code $?"')
    await pty.shows(/[#$] $/)
    pty.type(`PS1='READY''> '\r`)
    await pty.shows('READY> ')
    const before = peaks(services())
    pty.process.pause()
    pty.type('seq 8000000; echo the "end"\r')
    await eventually(async () => expect((await running())[0]?.end_offset).toBeGreaterThan(60_000_000), {
      timeoutMs: 60_000,
    })
    expectFlat(services(), before)
    pty.process.resume()
    await pty.shows('\nthe end\r\n')
    expect(pty.screen()).toMatch(/gpulab: \d+ bytes of output are not kept any more/)
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('of a log holds no program back, and costs no memory', async () => {
    const command =
      'seq 100000 | sed "s/$/ 0123456789012345678901234567890123456789/"; touch /tmp/done; sleep 600'
    const before = peaks(services())
    await shop.system.json<Container>('deploy', '--name', 'printer', ...plainOptions, '--command', command)
    const cli = spawnCli(shop.system, ['logs', 'printer', '--follow', '--tail', 'all'], { isRead: false })
    const isDone = ['exec', 'printer', '--', 'test', '-e', '/tmp/done']
    await eventually(async () => expect(await shop.system.gpulab(isDone)).toMatchObject({ code: 0 }), {
      timeoutMs: 60_000,
    })
    expectFlat(services(), before)
    expect(peakKib(cli.child.pid ?? 0)).toBeLessThan(250 << 10)
    // It gets everything all the same.
    let text = ''
    cli.child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await eventually(() => expect(text).toContain('\n100000 0'), { timeoutMs: 60_000 })
    expect(text.split('\n').slice(0, -1).map(Number.parseFloat)).toEqual(
      Array.from({ length: 100_000 }, (_, n) => n + 1),
    )
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    await shop.system.gpulab(['rm', 'printer', '--force'])
  })
})

describe('a container that is stopped', () => {
  it('ends whatever runs in it with 125, says why, and gives the terminal back', async () => {
    await shop.system.json<Container>('deploy', '--name', 'short-lived', ...plainOptions)
    const words = ['exec', '-d', 'short-lived', '--', 'sh', '-c', 'echo out; exec sleep 600']
    const id = (await shop.system.gpulab(words)).stdout.trim()
    const clients = [
      spawnCli(shop.system, ['exec', '-i', 'short-lived', '--', 'sh', '-c', 'echo out; cat']),
      spawnCli(shop.system, ['sessions', 'attach', 'short-lived', id]),
    ]
    const pty = openPty(
      shop.system,
      'before=$(stty -g); gpulab ssh short-lived; code=$?; [ "$before" = "$(stty -g)" ] && echo "SAME $code"',
    )
    await pty.shows(/[#$] $/)
    for (const cli of clients)
      await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    expect((await shop.system.gpulab(['stop', 'short-lived'])).code).toBe(0)
    for (const { ended, stderr } of clients)
      expect([await ended, stderr()]).toEqual([125, expect.stringContaining('The container ended')])
    await pty.shows('The container ended')
    await pty.shows('SAME 125')
    expect((await shop.system.gpulab(['exec', 'short-lived', '--', 'true'])).code).toBe(125)
    await shop.system.gpulab(['rm', 'short-lived', '--force'])
  })
})

describe('a full disk', () => {
  const toFull = async (command: string) => {
    const env = { ...shop.system.cli.env, GPULAB: shop.system.cli.program }
    return run('bash', ['-c', `"$GPULAB" ${command} > /dev/full`], { env })
  }

  it('here ends the command, and says so', async () => {
    const full = expect.stringMatching(/no space left/i) as string
    expect(await toFull(`exec ${workshop} -- yes`)).toMatchObject({ code: 125, stderr: full })
    expect(await running()).toEqual([])
    expect(await toFull(`cp ${workshop}:/etc -`)).toMatchObject({ code: 6, stderr: full })
    expect(await running()).toEqual([])
  })

  it('there is told by the command', async () => {
    const write = ['-i', '--', 'sh', '-c', 'cat >/dev/full']
    const input = Buffer.alloc(4 << 20)
    const failed = await shop.system.gpulab(['exec', workshop, ...write], { input })
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('No space left') as string })
  })
})

describe('what would change a terminal', () => {
  const escape = '\u001b[2J\u001b]0;title\u0007'

  it('comes harmlessly in errors and names', async () => {
    const seen = [
      await exec('--', `no${escape}such`),
      await shop.system.gpulab(['exec', `no${escape}such`, '--', 'true']),
      await shop.system.gpulab(['cp', `${workshop}:/tmp/no${escape}such`, '/tmp']),
      await shop.system.gpulab(['cp', `/tmp/no${escape}such`, `${workshop}:/tmp`]),
    ]
    expect(seen.map(({ code }) => code)).toEqual([127, 125, 3, 3])
    for (const { stderr } of seen) {
      expect(stderr).toContain('such')
      // eslint-disable-next-line no-control-regex
      expect(stderr).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/)
    }
    const work = await mkdtemp(join(shop.system.dir, 'names-'))
    execFileSync('mkfifo', [join(work, `pipe${escape}`)])
    const warned = await shop.system.gpulab(['cp', work, `${workshop}:/tmp/names`])
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('pipe') as string })
    expect(warned.stderr).not.toContain('\u001b')
    expect((await sh(`mkfifo '/tmp/names/out${escape}'`)).code).toBe(0)
    const refused = await shop.system.gpulab(['cp', `${workshop}:/tmp/names`, work])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('out') as string })
    expect(refused.stderr).not.toContain('\u001b')
  })
})

/** From before the CLI has begun to after it has ended by itself. */
const moments = [0, 50, 100, 160, 250, 500]

describe('Ctrl-C at any moment', () => {
  it('of a command leaves nothing that runs', async () => {
    const ended: (number | string)[] = []
    for (const ms of moments) {
      const cli = spawnCli(shop.system, ['exec', workshop, '--', 'sleep', '600'])
      await delay(ms)
      cli.child.kill('SIGINT')
      ended.push(await cli.ended)
      await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
    }
    // A shell shows both as 130.
    expect(ended.filter((code) => code !== 130 && code !== 'SIGINT')).toEqual([])
  })

  it('of a shell gives the terminal back, or is a key in it', async () => {
    for (const ms of moments) {
      const pty = openPty(
        shop.system,
        `before=$(stty -g); trap : INT; echo BEGIN; gpulab ssh workshop; code=$?; [ "$before" = "$(stty -g)" ] && echo "SAME $code"`,
      )
      await pty.shows('BEGIN')
      await delay(ms)
      pty.type('\u0003')
      await pty.shows(/[#$] $|SAME \d+/)
      // Readline drops keys that come while it is interrupted.
      await eventually(
        () => {
          if (!/SAME \d+/.test(pty.screen())) pty.type('exit 9\r')
          expect(pty.screen()).toMatch(/SAME (9|130)/)
        },
        { timeoutMs: 20_000, intervalMs: 500 },
      )
      await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
      pty.process.kill('SIGKILL')
    }
  })

  it('of a copy leaves a whole file or none', async () => {
    const work = await mkdtemp(join(shop.system.dir, 'moments-'))
    const file = join(work, 'file')
    await makeFile(file, 24 << 20)
    const sha256 = await hashOfFile(file)
    await sh('mkdir /tmp/moments')
    const interrupt = async (ms: number, from: string, to: string): Promise<void> => {
      const cli = spawnCli(shop.system, ['cp', from, to])
      await delay(ms)
      cli.child.kill('SIGINT')
      expect([0, 130, 'SIGINT']).toContain(await cli.ended)
    }
    for (const ms of moments.slice(1)) {
      await interrupt(ms, file, `${workshop}:/tmp/moments/x`)
      // As it is at one moment.
      const look = 'mv x seen 2>/dev/null && sha256sum seen; rm -f seen; ls | grep -vx x'
      const { stdout } = await sh(`cd /tmp/moments; ${look}`)
      expect(['', `${sha256}  seen\n`]).toContain(stdout)
    }
    const whole = await shop.system.json<{ sha256: string }>('cp', file, `${workshop}:/tmp/moments/x`)
    expect(whole.sha256).toBe(sha256)
    for (const ms of moments.slice(1)) {
      await interrupt(ms, `${workshop}:/tmp/moments/x`, join(work, 'y'))
      const names = (await readdir(work)).filter((name) => !name.startsWith('.gpulab-part-'))
      if (names.includes('y')) expect(await hashOfFile(join(work, 'y'))).toBe(sha256)
      else expect(names).toEqual(['file'])
    }
    expect(await readFile(file)).toHaveLength(24 << 20)
  })
})
