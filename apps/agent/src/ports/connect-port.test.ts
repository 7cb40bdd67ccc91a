import { type Channel, type Frame, frameType, toControlFrame } from '@gpulab/contract'
import { createGuestListener, type GuestConnection, guestPath } from '@gpulab/guest'
import { ensureGuestBuilt } from '@gpulab/guest/build'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LinkedGuest } from '../guest/guest-link.ts'
import { connectPort } from './connect-port.ts'

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

/** Connects to a port; the client sends these frames, and goes once the signal aborts. */
function connect(port: number, frames: Iterable<Frame>, leaving: AbortSignal): Promise<void> {
  const incoming = (async function* () {
    yield* frames
    await once(leaving, 'abort')
  })()
  const nothing = async (): Promise<void> => {}
  const channel: Channel = { incoming, send: nothing, end: nothing, destroy: () => {} }
  const guests = { find: async () => ({ connection }) as unknown as LinkedGuest }
  return connectPort(
    { guests },
    { uuid: 'any', port },
    async () => channel,
    AbortSignal.any([leaving, AbortSignal.timeout(60_000)]),
  )
}

const frameBytes = 16 << 10
const input = (bytes: number): Frame => ({ type: frameType.stdin, payload: Buffer.alloc(bytes, 'x') })

describe('a connection', () => {
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
      const filling = connect(port, frames(), leaving.signal)
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
    const connecting = connect(port, frames, new AbortController().signal)
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
    const connecting = connect(port, [input(10)], leaving.signal)
    await half.promise
    leaving.abort()
    await connecting
    await expect(ended.promise).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

/** The last one: it takes the guest along. */
it('a connection whose guest is killed was reset, which is no fault of ours', async () => {
  const taken = Promise.withResolvers<void>()
  const port = await serve((socket) => {
    socket.on('error', () => {}).write('hello')
    taken.resolve()
  })
  const connecting = connect(port, [], new AbortController().signal)
  const killing = taken.promise.then(() => guest.kill('SIGKILL'))
  await expect(connecting).rejects.toMatchObject({ code: 'port_closed' })
  await killing
})
