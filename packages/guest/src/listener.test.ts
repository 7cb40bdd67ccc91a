import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@gpulab/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { createGuestListener, type GuestListenerOptions } from './guest-listener.ts'
import { encodeHello } from './test-support/fake-guest.ts'

let folder: string
let directory: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-listener-'))
  directory = join(folder, 'run')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const listen = (options: Partial<GuestListenerOptions> = {}) =>
  createGuestListener({ directory, onConnection: () => undefined, ...options })

const dial = async (): Promise<Socket> => {
  const socket = connect(join(directory, 'agent.sock'))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Dials as often as it can, and counts what became of it. */
async function flood(count: number) {
  const sockets: Socket[] = []
  let refused = 0
  for (let i = 0; i < count; i++) {
    const socket = connect(join(directory, 'agent.sock'))
    await new Promise<void>((resolve) => {
      socket.once('connect', () => resolve()).once('error', () => resolve(void refused++))
    })
    socket.on('error', () => undefined)
    sockets.push(socket)
  }
  return { sockets, refused }
}

describe('a listener', () => {
  test('makes a directory that only we change, and a socket that all may dial', async () => {
    await using _listener = await listen()
    expect((await stat(directory)).mode & 0o7777).toBe(0o711)
    expect((await stat(join(directory, 'agent.sock'))).mode & 0o7777).toBe(0o666)
  })

  test('takes the place of one that died', async () => {
    await mkdir(directory)
    const dead = await listen()
    await dead.close()
    await using _listener = await listen()
    ;(await dial()).destroy()
  })

  test('listens in a directory whose path is longer than a socket may have', async () => {
    directory = join(folder, 'x'.repeat(120), 'y'.repeat(120), 'run')
    await using _listener = await listen()
    expect((await stat(join(directory, 'agent.sock'))).isSocket()).toBe(true)
  })

  test('refuses a directory that is a link', async () => {
    await mkdir(join(folder, 'elsewhere'))
    await symlink(join(folder, 'elsewhere'), directory)
    await expect(listen()).rejects.toThrow(/ELOOP|ENOTDIR/)
  })

  test('removes its socket and ends its connections when it is closed', async () => {
    const connections: GuestConnection[] = []
    const listener = await listen({ onConnection: (connection) => connections.push(connection) })
    const socket = await dial()
    socket.write(encodeHello())
    await eventually(() => expect(connections).toHaveLength(1))
    await listener.close()
    expect((await connections[0]?.closed)?.code).toBe('lost')
    await expect(stat(join(directory, 'agent.sock'))).rejects.toThrow(/ENOENT/)
  })
})

describe('a dialler', () => {
  test('that does not introduce itself in time is dropped', async () => {
    await using _listener = await listen({ helloTimeoutMs: 100 })
    const [silent, slow] = [await dial(), await dial()]
    slow.write(encodeHello().subarray(0, 5))
    await Promise.all([once(silent, 'close'), once(slow, 'close')])
  })

  test('that holds all connections keeps others of its container out, until it goes', async () => {
    await using _listener = await listen({ helloTimeoutMs: 60_000 })
    const held = await Promise.all([1, 2, 3, 4].map(dial))
    const fifth = await dial()
    await once(fifth, 'close')
    held[0]?.destroy()
    await eventually(async () => {
      const socket = await dial()
      const closed = once(socket, 'close').then(() => 'closed')
      const stays = new Promise((resolve) => setTimeout(resolve, 50, 'stays'))
      expect(await Promise.race([closed, stays])).toBe('stays')
    })
  })

  test(
    '2,000 times over costs little, and leaves the guest its connection',
    { timeout: 30_000 },
    async () => {
      const connections: GuestConnection[] = []
      await using _listener = await listen({ onConnection: (connection) => connections.push(connection) })
      const guest = await dial()
      guest.write(encodeHello())
      await eventually(() => expect(connections).toHaveLength(1))
      const before = process.memoryUsage().rss
      const { sockets, refused } = await flood(2000)
      expect(refused).toBeGreaterThan(1500)
      expect(process.memoryUsage().rss - before).toBeLessThan(50 << 20)
      expect(guest.destroyed).toBe(false)
      for (const socket of sockets) socket.destroy()
      // After the pause it listens again.
      await eventually(async () => {
        const again = await dial()
        again.write(encodeHello())
        expect(connections.length).toBeGreaterThan(1)
      })
    },
  )
})
