import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callEngine, callEngineJson, ensureImages, readText } from '@gpulab/images'
import { startEngine, type Engine } from '@gpulab/simulated-host'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFile, statFile, writeTemporaryFile } from './files.ts'
import { collect, runShell, shell } from './test-support/collect.ts'
import {
  guestCommand,
  hardened,
  startGuestContainer,
  type GuestContainerOptions,
} from './test-support/guest-container.ts'

const terminal = { columns: 90, rows: 20 }
const links = { followLinks: true }
let stateDir: string
let engine: Engine
let images: Record<'busybox' | 'debian', string>

// An engine of its own, since one test kills it.
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'gpulab-guest-engine-'))
  engine = await startEngine({ stateDir, name: 'guest', gpus: '' })
  const ensured = await ensureImages({ dockerHost: engine.dockerHost, keys: ['busybox', 'debian'] })
  images = { busybox: ensured.busybox.reference, debian: ensured.debian.reference }
})
afterAll(async () => {
  await engine.stop({ keepContainers: false })
  await rm(stateDir, { recursive: true })
})

const start = (options: Partial<GuestContainerOptions> = {}) =>
  startGuestContainer(engine.dockerHost, { image: images.busybox, ...options })

async function* bytes(count: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < count; sent += 1 << 16) yield Buffer.alloc(1 << 16)
}

describe('a guest starts and works', () => {
  test.each([
    ['Debian', 'debian', {}],
    ['Debian, hardened, as another user', 'debian', { user: '1000:1000', host: hardened }],
    ['busybox', 'busybox', {}],
    ['busybox, hardened', 'busybox', { host: hardened }],
    ['busybox, hardened, as another user', 'busybox', { user: '1000', host: hardened }],
  ] as const)('in %s', async (_what, image, options) => {
    await using container = await start({ image: images[image], ...options })
    const connection = await container.start()
    const uid = 'user' in options ? 1000 : 0
    expect(connection.hello.uid).toBe(uid)
    const { stdout, stderr } = await shell(
      connection,
      'id -u; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; echo e >&2',
    )
    expect(stdout.toString()).toContain(`${uid}\n`)
    if ('host' in options) expect(stdout.toString()).toMatch(/CapEff:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2/)
    expect(stderr.toString()).toBe('e\n')
    expect((await shell(connection, 'tty; stty size', { terminal })).stdout.toString()).toMatch(
      /pts\/\d+\r\n20 90/,
    )
    const id = randomUUID()
    const stream = await runShell(connection, '(setsid sleep 5000 &); sleep 5000', { id })
    await connection.kill(id)
    expect((await stream.ended).killed).toBe(true)
    expect((await shell(connection, 'ps -ef 2>/dev/null || ps')).stdout.toString()).not.toContain(
      'sleep 5000',
    )
    if ('host' in options) {
      const writing = writeTemporaryFile(connection, '/tmp/x', bytes(10), links)
      await expect(writing).rejects.toThrow(expect.objectContaining({ code: 'EROFS' }))
    }
  })

  test('where there is nothing but the guest', async () => {
    const tar = spawn('tar', ['--create', '--files-from=/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const path = '/images/create?fromSrc=-&repo=gpulab.invalid/empty&tag=1'
    const { body } = await callEngine(engine.dockerHost, path, { method: 'POST', stream: tar.stdout })
    await readText(body)
    await using container = await start({ image: 'gpulab.invalid/empty:1', command: guestCommand })
    const connection = await container.connect()
    expect(connection.hello.pid).toBe(1)
    expect((await statFile(connection, '/.gpulab/gpulab-guest', links)).type).toBe('file')
    const { facts, content } = await readFile(connection, '/proc/1/status', links)
    expect(facts.type).toBe('file')
    expect((await content.next()).value?.toString()).toContain('gpulab-guest')
    const { ending } = await shell(connection, 'true')
    expect(ending.failure).toEqual({ what: 'exec', code: 'ENOENT' })
  })
})

describe('limits of the container', () => {
  test('on processes give a clear error, and a kill works at them', async () => {
    await using container = await start({ host: { PidsLimit: 20 } })
    const connection = await container.start()
    const id = randomUUID()
    // A shell that can't fork exits, so one process is free after the loop; the next one takes it.
    const fill = '(while :; do sleep 1000 & done) 2>/dev/null'
    const stream = await runShell(connection, `${fill}; sleep 1000 & echo full; exec sleep 1000`, { id })
    await stream.output().next()
    await expect(shell(connection, 'true')).rejects.toThrow(expect.objectContaining({ code: 'EAGAIN' }))
    await connection.kill(id)
    expect((await shell(connection, 'echo again')).stdout.toString()).toBe('again\n')
  })

  test('on processes are told where there is room for a supervisor only', async () => {
    await using container = await start({ host: { PidsLimit: 20 } })
    const connection = await container.start()
    await collect(await runShell(connection, 'while :; do sleep 1000 & done'))
    const { ending } = await shell(connection, 'true')
    expect(ending).toMatchObject({ exitCode: 125, failure: { what: 'fork', code: 'EAGAIN' } })
  })

  test('on space end a write with its reason', async () => {
    await using container = await start({ host: { Tmpfs: { '/small': 'size=1m' } } })
    const connection = await container.start()
    const writing = writeTemporaryFile(connection, '/small/x', bytes(8 << 20), links)
    await expect(writing).rejects.toThrow(expect.objectContaining({ code: 'ENOSPC' }))
  })

  test('on memory do not take the guest for a large reader', async () => {
    await using container = await start({ host: { Memory: 32 << 20, MemorySwap: 32 << 20 } })
    const connection = await container.start()
    const streams = await Promise.all(
      Array.from({ length: 20 }, () =>
        runShell(connection, 'exec yes', { bufferBytes: 8 << 20, lossless: false }),
      ),
    )
    await eventually(async () => {
      expect((await connection.list()).filter((row) => row.firstOffset > 0)).toHaveLength(20)
    })
    expect(streams).toHaveLength(20)
    expect((await shell(connection, 'echo alive')).stdout.toString()).toBe('alive\n')
  })
})

describe('the tenant, as root', () => {
  test('cannot replace, remove, redirect or lock what the agent uses', async () => {
    await using container = await start({ host: { CapAdd: ['SYS_ADMIN'] } })
    const connection = await container.start()
    const attempts = [
      'rm -f /.gpulab-run/agent.sock',
      'mv /.gpulab-run/agent.sock /.gpulab-run/other',
      'ln -s /etc/passwd /.gpulab-run/link',
      'mkfifo /.gpulab-run/fifo',
      'touch /.gpulab-run/file',
      'chmod 0 /.gpulab-run',
      'chmod 0 /.gpulab-run/agent.sock',
      'chown 1 /.gpulab-run/agent.sock',
      'mv /.gpulab-run /elsewhere',
      'rmdir /.gpulab-run',
      'rm -f /.gpulab/gpulab-guest',
      'cp /bin/busybox /.gpulab/gpulab-guest',
      `echo >/proc/${connection.hello.pid}/exe`,
    ]
    const script = attempts.map((attempt) => `(${attempt}) 2>/dev/null && echo '${attempt}'`).join('\n')
    expect((await shell(connection, script)).stdout.toString()).toBe('')
    await runShell(connection, 'exec flock /.gpulab-run sleep 1000')
    const again = await container.restartAgent()
    expect((await shell(again, 'echo on')).stdout.toString()).toBe('on\n')
  })

  test('kills the guest: its sessions end, and a new one starts', async () => {
    await using container = await start()
    const connection = await container.start()
    const stream = await runShell(connection, 'sleep 7777')
    // Its answer may come too late.
    await runShell(connection, `kill -9 ${connection.hello.pid}`).catch(() => undefined)
    await expect(stream.ended).rejects.toThrow(expect.objectContaining({ code: 'lost' }))
    const again = await container.start()
    expect(again.hello.incarnation).not.toBe(connection.hello.incarnation)
    await eventually(async () => {
      expect((await shell(again, 'ps')).stdout.toString()).not.toContain('sleep 7777')
    })
  })
})

describe('sessions', () => {
  test('live through a death of dockerd', async () => {
    await using container = await start()
    const connection = await container.start()
    const stream = await runShell(connection, 'echo before; read line; echo "$line"; exit 5', { input: true })
    const all = collect(stream)
    process.kill(engine.pid, 'SIGKILL')
    engine = await startEngine({ stateDir, name: 'guest', gpus: '' })
    await stream.write(Buffer.from('after\n'))
    expect((await all).stdout.toString()).toBe('before\nafter\n')
    expect((await all).ending.exitCode).toBe(5)
    expect((await shell(connection, 'echo on')).stdout.toString()).toBe('on\n')
    const { State } = await callEngineJson<{ State: { Running: boolean } }>(
      engine.dockerHost,
      `/containers/${container.id}/json`,
    )
    expect(State.Running).toBe(true)
  })

  test('end with their container', async () => {
    await using container = await start({ host: { Init: true } })
    const connection = await container.start()
    const stream = await runShell(connection, 'exec sleep 1000')
    await container.post(`/containers/${container.id}/stop?t=5`)
    await expect(stream.ended).rejects.toThrow(expect.objectContaining({ code: 'lost' }))
    expect((await connection.closed).code).toBe('lost')
  })
})
