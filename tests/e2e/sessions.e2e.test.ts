import type { Container } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { spawnCli } from './src/spawn-cli.ts'
import { hashOf, useWorkshop, workshop } from './src/use-workshop.ts'

const shop = useWorkshop()
const { exec, sh, running } = shop
const name = workshop

/** Lines whose order and number show whether any is missing or there twice. */
const numbers = (count: number): string => Array.from({ length: count }, (_, n) => `${n + 1}\n`).join('')

describe('a connection that is cut', () => {
  it('in the middle of output costs nothing', async () => {
    const count = 1_500_000
    const cli = spawnCli(shop.system, ['exec', name, '--', 'seq', String(count)], shop.proxied())
    for (const mebibytes of [1, 3, 6]) {
      await eventually(() => expect(cli.stdout().length).toBeGreaterThan(mebibytes << 20), {
        timeoutMs: 30_000,
      })
      shop.proxy.cut()
    }
    expect(await cli.ended).toBe(0)
    expect(cli.stderr()).toBe('')
    expect(hashOf(cli.stdout())).toBe(hashOf(Buffer.from(numbers(count))))
  })

  it('in the middle of input costs nothing', async () => {
    const input = randomBytes(16 << 20)
    const cli = spawnCli(shop.system, ['exec', '-i', name, '--', 'cat'], shop.proxied())
    cli.child.stdin.end(input)
    for (const mebibytes of [1, 5, 9]) {
      await eventually(() => expect(cli.stdout().length).toBeGreaterThan(mebibytes << 20), {
        timeoutMs: 30_000,
      })
      shop.proxy.cut()
    }
    expect(await cli.ended).toBe(0)
    expect(hashOf(cli.stdout())).toBe(hashOf(input))
  })

  it('at the end of everything does not hide how it ended', async () => {
    const cli = spawnCli(
      shop.system,
      ['exec', '-i', name, '--', 'sh', '-c', 'echo out; read x; exit 9'],
      shop.proxied(),
    )
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    shop.proxy.set({ kind: 'stall', direction: 'to-client' })
    cli.child.stdin.end('x\n')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
    shop.proxy.cut()
    shop.proxy.heal()
    expect(await cli.ended).toBe(9)
    expect(cli.stdout().toString()).toBe('out\n')
  })

  it('that nobody ends is noticed, and left for another one', { timeout: 180_000 }, async () => {
    const cli = spawnCli(
      shop.system,
      ['exec', name, '--', 'sh', '-c', 'echo out; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo on'],
      shop.proxied(),
    )
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    shop.proxy.set({ kind: 'black-hole' })
    await sh('touch /tmp/go')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 20_000 })
    // Its connection stays deaf; new ones are well.
    shop.proxy.heal()
    expect(await cli.ended).toBe(0)
    expect(cli.stdout().toString()).toBe('out\non\n')
  })
})

describe('a program of ours that is killed', () => {
  const copy = async (disturb: () => Promise<void>) => {
    const input = randomBytes(8 << 20)
    const cli = spawnCli(shop.system, ['exec', '-i', name, '--', 'cat'])
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
      await shop.system.api.stop('SIGKILL')
      await shop.system.startApi()
    }))

  it('(the agent) costs nothing', () =>
    copy(async () => {
      await shop.system.agent.stop('SIGKILL')
      await shop.system.startAgent()
    }))
})

describe('a container that is stopped', () => {
  it('ends the command with 125, and says why', async () => {
    const other = ['--name', 'short-lived', '--template', 'ubuntu', '--memory', '1', '--wait']
    await shop.system.json<Container>('deploy', ...other)
    const args = ['exec', 'short-lived', '--', 'sh', '-c', 'echo out; exec sleep 600']
    const cli = spawnCli(shop.system, args)
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    expect((await shop.system.gpulab(['stop', 'short-lived'])).code).toBe(0)
    expect(await cli.ended).toBe(125)
    expect(cli.stderr()).toContain('The container ended while the command ran.')
    await shop.system.gpulab(['rm', 'short-lived', '--force'])
  })
})

describe('a detached command', () => {
  it('goes on alone, and is waited for, read, taken over and killed', async () => {
    const started = await exec('-d', '--', 'sh', '-c', 'echo one; echo two >&2; sleep 1; echo three; exit 4')
    const id = started.stdout.trim()
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    const attached = await shop.system.gpulab(['sessions', 'attach', name, id.slice(0, 8)])
    expect(attached).toMatchObject({ code: 4, stdout: 'one\nthree\n', stderr: 'two\n' })
    expect((await shop.system.gpulab(['sessions', 'wait', name, id])).code).toBe(4)
    expect(await shop.system.gpulab(['sessions', 'output', name, id])).toMatchObject({
      code: 0,
      stdout: 'one\nthree\n',
      stderr: 'two\n',
    })
    expect((await shop.system.gpulab(['sessions', 'ls', name])).stdout).toMatch(
      new RegExp(String.raw`${id.slice(0, 8)} +exited \(4\) +detached`),
    )

    const endless = (await exec('-d', '--', 'sleep', '600')).stdout.trim()
    expect((await shop.system.gpulab(['sessions', 'wait', name, endless, '--timeout', '1'])).code).toBe(124)
    expect((await shop.system.gpulab(['sessions', 'kill', name, endless])).code).toBe(0)
    expect((await shop.system.gpulab(['sessions', 'wait', name, endless])).code).toBe(137)
  })

  it('is not ended by the one who leaves it', async () => {
    const id = (await exec('-d', '--', 'sh', '-c', 'trap "" INT; echo out; exec sleep 600')).stdout.trim()
    const cli = spawnCli(shop.system, ['sessions', 'attach', name, id])
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    cli.child.kill('SIGINT')
    await eventually(async () => expect(await running()).toMatchObject([{ id, attached: true }]), {
      timeoutMs: 10_000,
    })
    cli.child.kill('SIGINT')
    expect(await cli.ended).toBe(130)
    expect(await running()).toMatchObject([{ id }])
    await shop.system.gpulab(['sessions', 'kill', name, id])
  })

  it('shows a gap where more was written than is kept', async () => {
    const id = (await exec('-d', '--', 'sh', '-c', 'head -c 20000000 /dev/zero; echo end')).stdout.trim()
    await shop.system.gpulab(['sessions', 'wait', name, id])
    const attached = await shop.system.gpulab(['sessions', 'attach', name, id, '--offset', '0'])
    const [, lost = '0'] = /(\d+) bytes of output are not kept any more/.exec(attached.stderr) ?? []
    expect(Number(lost)).toBeGreaterThan(0)
    expect(attached.bytes.length + Number(lost)).toBe(20_000_004)
    expect(attached.stdout.endsWith('end\n')).toBe(true)
  })
})

describe('who attaches', () => {
  it('takes the place of the one before, who is told', async () => {
    const cli = spawnCli(shop.system, [
      'exec',
      '-i',
      name,
      '--',
      'sh',
      '-c',
      'echo out; read x; echo "got $x"',
    ])
    await eventually(() => expect(cli.stdout().toString()).toBe('out\n'), { timeoutMs: 20_000 })
    const [session] = await running()
    const next = spawnCli(shop.system, ['sessions', 'attach', '-i', name, session?.id ?? ''])
    expect(await cli.ended).toBe(125)
    expect(cli.stderr()).toContain('Another client has attached to the session.')
    next.child.stdin.end('me\n')
    expect(await next.ended).toBe(0)
    expect(next.stdout().toString()).toContain('got me\n')
  })
})
