import { type Channel, type Frame, frameType, toControlFrame } from '@gpulab/contract'
import { createGuestListener, type GuestConnection, guestPath } from '@gpulab/guest'
import { ensureGuestBuilt } from '@gpulab/guest/build'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LinkedGuest } from '../guest/guest-link.ts'
import { connectPort } from './connect-port.ts'
import { type Dialer, noDialer } from './dialer.ts'

let guest: ChildProcess
let connection: GuestConnection
const closing = new AsyncDisposableStack()

beforeAll(async () => {
  await ensureGuestBuilt()
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-ports-'))
  closing.defer(() => rm(folder, { recursive: true, force: true }))
  const dialled = Promise.withResolvers<GuestConnection>()
  const directory = join(folder, 'run')
  closing.use(await createGuestListener({ directory, onConnection: dialled.resolve }))
  guest = spawn(guestPath(), [join(directory, 'agent.sock')], { stdio: 'ignore' })
  connection = await dialled.promise
}, 120_000)
afterAll(async () => {
  guest.kill('SIGKILL')
  await closing.disposeAsync()
})

async function serve(accept: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, accept)
  closing.defer(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** As the dialer's, without a network of its own. */
const ownDialer: Pick<Dialer, 'dial'> = {
  dial: async (_container, port) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    socket.on('error', () => {})
    return { output: socket, input: socket }
  },
}
const ways = [
  ['by the guest', noDialer],
  ['from outside', ownDialer],
] as const

interface Visitor {
  readonly open?: () => Promise<unknown>
  readonly frames: Iterable<Frame>
  /** Once it aborts, the client goes. */
  readonly leaving?: AbortSignal
  readonly onFrame?: (frame: Frame) => Promise<void>
}

function visit(dialer: Pick<Dialer, 'dial'>, port: number, visitor: Visitor): Promise<void> {
  const { frames, leaving = new AbortController().signal, onFrame = async () => {}, open } = visitor
  const incoming = (async function* () {
    yield* frames
    await once(leaving, 'abort')
  })()
  const channel: Channel = { incoming, send: onFrame, end: async () => {}, destroy: () => {} }
  const guests = { find: async () => ({ connection }) as unknown as LinkedGuest }
  return connectPort(
    { guests, dialer },
    { uuid: 'any', port },
    async () => {
      await open?.()
      return channel
    },
    AbortSignal.any([leaving, AbortSignal.timeout(60_000)]),
  )
}

const frameBytes = 16 << 10
const input = (bytes: number): Frame => ({ type: frameType.stdin, payload: Buffer.alloc(bytes, 'x') })

describe.each(ways)('a connection %s', (_way, dialer) => {
  it('that both sides have ended is over when the service has been given all of it', async () => {
    const services: Socket[] = []
    const port = await serve((socket) => {
      services.push(socket)
      socket
        .on('error', () => {})
        .pause()
        .end('early')
    })
    /** Gives how many frames are on their way when nothing moves any more. */
    const fill = async (): Promise<number> => {
      const leaving = new AbortController()
      let sent = 0
      const frames = function* () {
        for (; !leaving.signal.aborted; sent++) yield input(frameBytes)
      }
      const filling = visit(dialer, port, { frames: frames(), leaving: leaving.signal })
      for (let before = -1; before !== sent;) {
        before = sent
        await wait(300)
      }
      leaving.abort()
      await filling
      return sent
    }
    // The last of these are in the guest, whose socket takes no more.
    const count = await fill()
    const frames = [
      ...Array.from({ length: count }, () => input(frameBytes)),
      toControlFrame({ type: 'eof' }),
    ]
    const connecting = visit(dialer, port, { frames })
    await Promise.race([connecting, wait(1000)])
    let heard = 0
    for await (const bytes of services[1] ?? []) heard += (bytes as Buffer).length
    await connecting
    expect(heard).toBe(count * frameBytes)
  })

  it('that the client has cut is reset, so that half of it is not taken for all', async () => {
    const half = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const port = await serve((socket) => {
      socket.on('data', () => half.resolve())
      socket.on('end', ended.resolve).on('error', ended.reject)
    })
    const leaving = new AbortController()
    const connecting = visit(dialer, port, { frames: [input(10)], leaving: leaving.signal })
    await half.promise
    leaving.abort()
    await connecting
    await expect(ended.promise).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('that the service has reset is told apart from one that it has ended', async () => {
    const port = await serve((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    await expect(visit(dialer, port, { frames: [input(1)] })).rejects.toMatchObject({ code: 'port_closed' })
  })

  it('that the service has ended before the client was answered ends for the client', async () => {
    const port = await serve((socket) => void socket.on('error', () => {}).end())
    const seen: Frame[] = []
    await visit(dialer, port, {
      frames: [toControlFrame({ type: 'eof' })],
      open: () => wait(100),
      onFrame: async (frame) => void seen.push(frame),
    })
    expect(seen).toEqual([toControlFrame({ type: 'eof' })])
  })

  it('brings what the service says, and its end, and holds it back while the client reads nothing', async () => {
    const content = Buffer.alloc(32 << 20, 'y')
    const services: Socket[] = []
    const port = await serve((socket) => {
      services.push(socket)
      socket.on('error', () => {}).end(content)
    })
    const reading = Promise.withResolvers<void>()
    const leaving = new AbortController()
    let bytes = 0
    let hasEnded = false
    const visiting = visit(dialer, port, {
      frames: [toControlFrame({ type: 'eof' })],
      leaving: leaving.signal,
      onFrame: async ({ type, payload }) => {
        await reading.promise
        if (type === frameType.control) hasEnded = true
        else bytes += payload.length
      },
    })
    await wait(500)
    expect(bytes).toBe(0)
    expect(services[0]?.writableLength).toBeGreaterThan(0)
    reading.resolve()
    await visiting
    leaving.abort()
    expect([bytes, hasEnded]).toEqual([content.length, true])
  })
})

it('a connection whose client ends it and leaves at once, at whatever moment, is closed', async () => {
  const port = await serve((socket) => void socket.on('error', () => {}).resume())
  for (let ticks = 0; ticks < 8; ticks++) {
    const connection = await ownDialer.dial({ id: '', pid: 0 }, port)
    const leaving = new AbortController()
    const frames = function* () {
      yield toControlFrame({ type: 'eof' })
      for (let left = ticks; left > 0; left--) yield input(0)
      leaving.abort()
    }
    await visit({ dial: async () => connection }, port, { frames: frames(), leaving: leaving.signal })
    await expect.poll(() => connection?.input.closed).toBe(true)
  }
})

/** The last one: it takes the guest along. */
it('a connection whose guest is killed was reset, which is no fault of ours', async () => {
  const taken = Promise.withResolvers<void>()
  const port = await serve((socket) => {
    socket.on('error', () => {}).write('hello')
    taken.resolve()
  })
  const connecting = visit(noDialer, port, { frames: [] })
  const killing = taken.promise.then(() => guest.kill('SIGKILL'))
  await expect(connecting).rejects.toMatchObject({ code: 'port_closed' })
  await killing
})
