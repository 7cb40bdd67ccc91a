import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, shell } from './test-support/collect.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection
const servers: Server[] = []

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterAll(async () => {
  await guest[Symbol.asyncDispose]()
  for (const server of servers) server.close()
})

async function serve(accept: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    accept(socket)
  })
  servers.push(server)
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('a port', () => {
  test('is reached with bytes exact both ways, and half closed', async () => {
    const port = await serve((socket) => socket.pipe(socket))
    const content = randomBytes(5 << 20)
    const stream = await connection.dial(port)
    const all = collect(stream)
    await stream.write(content)
    await stream.endInput()
    expect((await all).stdout.equals(content)).toBe(true)
    expect((await all).ending).toMatchObject({ exitCode: 0, failure: null })
  })

  test('may end its side first', async () => {
    const heard: Buffer[] = []
    const done = Promise.withResolvers<void>()
    const port = await serve((socket) => {
      socket.end('all')
      socket.on('data', (chunk: Buffer) => heard.push(chunk)).on('end', () => done.resolve())
    })
    const stream = await connection.dial(port)
    let text = ''
    for await (const item of stream.output()) if (item.kind !== 'gap') text += item.bytes.toString()
    expect(text).toBe('all')
    await stream.write(Buffer.from('still heard'))
    await stream.endInput()
    await done.promise
    expect(Buffer.concat(heard).toString()).toBe('still heard')
    expect((await stream.ended).failure).toBeNull()
  })

  test('is reached by IPv6 where it listens there only', async () => {
    const port = await serve((socket) => socket.end('six'), '::1')
    await expect(connection.dial(port)).rejects.toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }))
    const stream = await connection.dial(port, { family: 6 })
    await stream.endInput()
    expect((await collect(stream)).stdout.toString()).toBe('six')
  })

  test('that nobody listens on is refused', async () => {
    await expect(connection.dial(1)).rejects.toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }))
  })

  test('that is cut says so', async () => {
    const port = await serve((socket) => setTimeout(() => socket.resetAndDestroy(), 50))
    const stream = await connection.dial(port)
    expect((await stream.ended).failure).toEqual({ what: 'dial', code: 'ECONNRESET' })
  })

  test('is reset when it is left, and when the connection ends', async () => {
    const closed: Promise<unknown>[] = []
    const port = await serve((socket) => {
      socket.resume()
      closed.push(once(socket, 'close').catch((error: unknown) => error))
    })
    const stream = await connection.dial(port)
    await stream.detach()
    expect(await closed[0]).toMatchObject({ code: 'ECONNRESET' })
    await connection.dial(port)
    connection.destroy()
    connection = await guest.connect()
    expect(await closed[1]).toMatchObject({ code: 'ECONNRESET' })
  })

  test(
    'takes as many connections at once as there may be, and a stalled one holds up none',
    { timeout: 30_000 },
    async () => {
      const port = await serve((socket) => socket.pipe(socket))
      const flood = await serve((socket) => {
        const more = (): void => {
          while (socket.write(Buffer.alloc(1 << 16)));
        }
        socket.on('drain', more)
        more()
      })
      const stalled = await Promise.all(Array.from({ length: 20 }, () => connection.dial(flood)))
      const streams = await Promise.all(Array.from({ length: 170 }, () => connection.dial(port)))
      const answers = await Promise.all(
        streams.map(async (stream, index) => {
          await stream.write(Buffer.from(`connection ${index}`))
          await stream.endInput()
          return (await collect(stream)).stdout.toString()
        }),
      )
      expect(answers).toEqual(streams.map((_, index) => `connection ${index}`))
      await Promise.all(stalled.map((stream) => stream.detach()))
    },
  )
})

describe('many ports', () => {
  test(
    'that hold all memory leave each other enough to go on in small pieces',
    { timeout: 60_000 },
    async () => {
      const count = 120
      const flooded = Promise.withResolvers<void>()
      let floods = 0
      const flood = await serve((socket) => {
        socket.write(Buffer.alloc(200_000), () => ++floods === count && flooded.resolve())
      })
      const stalled = await Promise.all(Array.from({ length: count }, () => connection.dial(flood)))
      await flooded.promise
      const content = randomBytes(300_000)
      const inPieces = async (pieceBytes: number): Promise<Buffer> => {
        const port = await serve((socket) => {
          socket.setNoDelay()
          for (let at = 0; at < content.length; at += pieceBytes)
            socket.write(content.subarray(at, at + pieceBytes))
          socket.end()
        })
        const stream = await connection.dial(port)
        await stream.endInput()
        return (await collect(stream)).stdout
      }
      // While this passes, the others are read in turns with it, until they have all there is.
      expect((await inPieces(content.length)).equals(content)).toBe(true)
      expect((await inPieces(1000)).equals(content)).toBe(true)
      await Promise.all(stalled.map((each) => each.detach()))
    },
  )

  test('leave room for commands, and are dialled again once others are left', async () => {
    const port = await serve((socket) => socket.pipe(socket))
    const streams = await Promise.all(Array.from({ length: 192 }, () => connection.dial(port)))
    await expect(connection.dial(port)).rejects.toThrow(expect.objectContaining({ code: 'EUSERS' }))
    expect((await shell(connection, 'echo inside')).stdout.toString()).toBe('inside\n')
    await streams.pop()?.detach()
    const again = await connection.dial(port)
    await Promise.all([...streams, again].map((stream) => stream.detach()))
    await expect(connection.dial(1)).rejects.toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }))
    await (await connection.dial(port)).detach()
  })
})
