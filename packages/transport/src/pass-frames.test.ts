import {
  type Control,
  encodeFrameHeader,
  type Frame,
  frameType,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { passFrames } from './pass-frames.ts'
import { StreamChannel } from './stream-channel.ts'

let server: Server
const sockets: Socket[] = []
beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

interface Pair {
  readonly peer: Socket
  readonly channel: StreamChannel
}

/** A peer's socket, and the channel to it. */
async function openPair(idleMs?: number): Promise<Pair> {
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as { port: number }
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [socket] = await accepted
  sockets.push(peer, socket)
  peer.on('error', () => {})
  return { peer, channel: new StreamChannel(socket, idleMs === undefined ? {} : { idleMs }) }
}

/** One after the other: each takes the next connection. */
const openPairs = async (idleMs?: number): Promise<[Pair, Pair]> => [
  await openPair(idleMs),
  await openPair(idleMs),
]

const encode = (frame: Frame): Buffer => Buffer.concat([encodeFrameHeader(frame), frame.payload])
const bytesOf = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, n) => (n * 7) % 251))
const exit: Control = { type: 'exit', exit_code: 0, signal: null, reason: 'exited', message: null }

/** Written so that it arrives in pieces of that size. */
async function writeInPieces(socket: Socket, bytes: Buffer, size: number): Promise<void> {
  socket.setNoDelay(true)
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('frames between two sockets', () => {
  it.each([1, 4, 7, 5000, 70_000])('pass as they are in pieces of %i bytes', async (size) => {
    const [from, to] = await openPairs()
    const frames = [
      { type: frameType.stdout, payload: bytesOf(size < 10 ? 300 : 200_000) },
      toControlFrame({ type: 'ack', offset: 5 }),
      { type: frameType.stderr, payload: bytesOf(17) },
      toControlFrame(exit),
    ]
    const bytes = Buffer.concat(frames.map(encode))
    const got = readAll(to.peer)
    const controls: unknown[] = []
    const passing = passFrames(from.channel, to.channel, (frame) => controls.push(parseControl(frame)))
    await writeInPieces(from.peer, bytes, size)
    from.peer.end()
    await passing
    await to.channel.end()
    expect((await got).equals(bytes)).toBe(true)
    expect(controls).toEqual([{ type: 'ack', offset: 5 }, exit])
  })

  it('go on from what was read before, in the middle of one, too', async () => {
    const [from, to] = await openPairs()
    const first = toControlFrame({ type: 'eof' })
    const second = { type: frameType.stdin, payload: bytesOf(100_000) }
    const third = { type: frameType.stdin, payload: bytesOf(9) }
    const bytes = Buffer.concat([first, second, third].map(encode))
    from.peer.write(bytes.subarray(0, 60_000))
    const reading = from.channel.incoming[Symbol.asyncIterator]()
    expect((await reading.next()).value).toMatchObject({ type: frameType.control })
    // What has been taken apart by now is passed on as frames of its own.
    const target = to.peer
    const receiver = new StreamChannel(target)
    const passing = passFrames(from.channel, to.channel)
    from.peer.end(bytes.subarray(60_000))
    await passing
    void to.channel.end()
    const payloads = (await Array.fromAsync(receiver.incoming)).map(({ type, payload }) => {
      expect(type).toBe(frameType.stdin)
      return Buffer.from(payload)
    })
    expect(Buffer.concat(payloads).equals(Buffer.concat([second.payload, third.payload]))).toBe(true)
  })

  it('are exact at any rate, in both directions at a time', async () => {
    const [one, two] = await openPairs()
    const frames = Array.from({ length: 64 }, (_, n) => ({
      type: frameType.stdout,
      payload: bytesOf(100_000 + n),
    }))
    const bytes = Buffer.concat(frames.map(encode))
    const ways = [passFrames(one.channel, two.channel), passFrames(two.channel, one.channel)]
    const got = [readAll(one.peer), readAll(two.peer)]
    one.peer.end(bytes)
    two.peer.end(bytes)
    await Promise.all(ways)
    await Promise.all([one.channel.end(), two.channel.end()])
    for (const all of await Promise.all(got)) expect(all.equals(bytes)).toBe(true)
  })

  it('wait for a slow reader, and little of them is held', async () => {
    const [from, to] = await openPairs()
    const passing = passFrames(from.channel, to.channel)
    const frame = encode({ type: frameType.stdout, payload: bytesOf(1 << 20) })
    let written = 0
    const bytesMax = 256 << 20
    const isStuck = (): boolean => from.peer.writableLength > 4 << 20
    while (written < bytesMax && !isStuck()) {
      from.peer.write(frame)
      written += frame.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(isStuck()).toBe(true)
    const socket = to.channel.socket
    expect(socket?.writableLength).toBeLessThan(512 << 10)
    const got = readAll(to.peer)
    from.peer.end()
    await passing
    await to.channel.end()
    expect(await got).toHaveLength(written)
  })
})

describe('a frame that is cut in the middle', () => {
  const half = encode({ type: frameType.stdout, payload: bytesOf(100_000) }).subarray(0, 70_000)

  it.each(['ends', 'is lost'])(
    'where the sender %s: nothing comes into it, and the receiver hears the end',
    async (how) => {
      const [from, to] = await openPairs(20)
      const passing = passFrames(from.channel, to.channel)
      const got = readAll(to.peer)
      from.peer.write(half)
      const { socket } = to.channel
      while ((socket?.bytesWritten ?? 0) < half.length) await new Promise((resolve) => setImmediate(resolve))
      // Longer than it is quiet otherwise.
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (how === 'ends') from.peer.end()
      else from.peer.resetAndDestroy()
      await expect(passing).rejects.toThrow(how === 'ends' ? 'within a frame' : /ECONNRESET|gone/)
      await expect(to.channel.send(toControlFrame(exit))).rejects.toThrow('A frame was cut')
      await to.channel.end()
      expect((await got).equals(half)).toBe(true)
    },
  )

  it('where the receiver is lost: the end of the sender is heard all the same', async () => {
    const [from, to] = await openPairs()
    const passing = passFrames(from.channel, to.channel)
    const all = bytesOf(8 << 20)
    from.peer.write(encode({ type: frameType.stdout, payload: all.subarray(0, 1 << 20) }))
    to.channel.destroy()
    await expect(passing).rejects.toThrow('gone')
    const closed = once(from.channel.socket as Socket, 'close')
    from.peer.end(all)
    from.channel.socket?.end()
    await closed
  })
})

it('what is no frame ends its sender, and goes no further', async () => {
  const [from, to] = await openPairs()
  const passing = passFrames(from.channel, to.channel)
  from.peer.write(Buffer.alloc(100, 9))
  await expect(passing).rejects.toThrow('Unknown frame type')
  await to.channel.send(toControlFrame(exit))
  const got = readAll(to.peer)
  await to.channel.end()
  expect((await got).equals(encode(toControlFrame(exit)))).toBe(true)
})

it('a quiet channel says something now and then, between frames', async () => {
  const { peer, channel } = await openPair(10)
  const [idle] = (await once(peer, 'data')) as [Buffer]
  expect([...idle.subarray(0, 5)]).toEqual([frameType.stdin, 0, 0, 0, 0])
  channel.destroy()
})
