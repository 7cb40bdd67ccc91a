import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './eventually.ts'
import { type ProxyAddress, startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

interface Peer {
  readonly socket: Socket
  /** Everything that has arrived. */
  text(): string
  /** How it ended: undefined while it is open. */
  ended(): 'end' | 'reset' | undefined
}

function watch(socket: Socket): Peer {
  let text = ''
  let ended: 'end' | 'reset' | undefined
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.once('end', () => (ended ??= 'end'))
  socket.once('error', () => (ended ??= 'reset'))
  return { socket, text: () => text, ended: () => ended }
}

async function listen(
  address: ProxyAddress = { port: 0 },
): Promise<{ address: ProxyAddress; peers: Peer[] }> {
  const peers: Peer[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => peers.push(watch(socket)))
  server.listen('path' in address ? address : { host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const { socket } of peers) socket.destroy()
  })
  const bound = server.address()
  return {
    address: typeof bound === 'object' && bound ? { port: bound.port } : address,
    peers,
  }
}

async function dial(address: ProxyAddress): Promise<Peer> {
  const socket = connect({
    ...('path' in address ? address : { host: '127.0.0.1', ...address }),
    allowHalfOpen: true,
  })
  const peer = watch(socket)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return peer
}

/** Resolves when the other side ends the connection, and rejects when it breaks it. */
async function dialToEnd(address: { port: number }): Promise<void> {
  const socket = connect({ host: '127.0.0.1', ...address })
  onTestFinished(() => void socket.destroy())
  await once(socket.resume(), 'close')
}

/** A connection through a proxy, with both its ends. */
async function open(): Promise<{ proxy: TcpProxy; client: Peer; server: Peer; peers: Peer[] }> {
  const { address, peers } = await listen()
  const proxy = await startTcpProxy({ target: address })
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const client = await dial(proxy.address)
  const server = await eventually(() => {
    const [first] = peers
    if (!first) throw new Error('The server has no connection.')
    return first
  })
  return { proxy, client, server, peers }
}

const arrives = (peer: Peer, text: string): Promise<void> => eventually(() => expect(peer.text()).toBe(text))
const ends = (peer: Peer, how: 'end' | 'reset'): Promise<void> =>
  eventually(() => expect(peer.ended()).toBe(how))
/** A round trip over another connection: long enough for anything that would arrive here to have arrived. */
async function passTime(): Promise<void> {
  const { address, peers } = await listen()
  const peer = await dial(address)
  peer.socket.write('x')
  await eventually(() => expect(peers[0]?.text()).toBe('x'))
}

describe('without a fault', () => {
  test('bytes and ends pass in both directions, each on its own', async () => {
    const { client, server, proxy } = await open()
    client.socket.end('ping')
    await arrives(server, 'ping')
    await ends(server, 'end')
    server.socket.end('pong')
    await arrives(client, 'pong')
    await ends(client, 'end')
    await eventually(() => expect(proxy.connections()).toBe(0))
  })

  test('more than fits into any buffer passes whole to a slow reader', async () => {
    const { client, server } = await open()
    server.socket.pause()
    const sent = 'x'.repeat(8 << 20)
    client.socket.end(sent)
    await passTime()
    server.socket.resume()
    await ends(server, 'end')
    expect(server.text().length).toBe(sent.length)
  })

  test('a reset of one side is a reset to the other', async () => {
    const { client, server } = await open()
    client.socket.resetAndDestroy()
    await ends(server, 'reset')
  })

  test('a target that does not listen is a reset', async () => {
    const proxy = await startTcpProxy({ target: { path: '/nonexistent/socket' } })
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    await expect(dialToEnd(proxy)).rejects.toThrow('ECONNRESET')
  })

  test('Unix sockets work on both sides', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gpulab-proxy-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const { peers } = await listen({ path: join(folder, 'server') })
    const proxy = await startTcpProxy({
      target: { path: join(folder, 'server') },
      listen: { path: join(folder, 'proxy') },
    })
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    const client = await dial(proxy.address)
    client.socket.write('ping')
    await eventually(() => expect(peers[0]?.text()).toBe('ping'))
    proxy.cut()
    await eventually(() => expect(client.ended()).toBeDefined())
  })

  test('targets may take turns', async () => {
    const [one, two] = [await listen(), await listen()]
    let count = 0
    const proxy = await startTcpProxy({ target: () => (count++ % 2 === 0 ? one.address : two.address) })
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    for (let n = 0; n < 4; n++) await dial(proxy.address)
    await eventually(() => expect([one.peers.length, two.peers.length]).toEqual([2, 2]))
  })
})

describe('cut', () => {
  test('resets both sides, and new connections until it is healed', async () => {
    const { proxy, client, server, peers } = await open()
    proxy.set({ kind: 'cut' })
    await ends(client, 'reset')
    await ends(server, 'reset')
    await expect(dialToEnd(proxy)).rejects.toThrow('ECONNRESET')
    proxy.heal()
    const next = await dial(proxy.address)
    next.socket.write('again')
    await eventually(() => expect(peers.at(-1)?.text()).toBe('again'))
  })

  test('once spares what comes later', async () => {
    const { proxy, client, peers } = await open()
    proxy.cut()
    await ends(client, 'reset')
    const next = await dial(proxy.address)
    next.socket.write('again')
    await eventually(() => expect(peers.at(-1)?.text()).toBe('again'))
  })

  test.for([0, 1, 5, 10])('after %i bytes lets exactly these arrive', async (bytes) => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'cut-after', bytes, direction: 'to-server' })
    for (const half of ['01234', '56789', 'abcde']) client.socket.write(half)
    await ends(client, 'reset')
    await eventually(() => expect(server.ended()).toBeDefined())
    expect(server.text()).toBe('0123456789'.slice(0, bytes))
  })

  test('after N bytes counts one direction only', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'cut-after', bytes: 3, direction: 'to-client' })
    client.socket.write('much more than that')
    await arrives(server, 'much more than that')
    server.socket.write('abc')
    await ends(client, 'reset')
    expect(client.text()).toBe('abc')
  })
})

describe('delay', () => {
  test('makes every byte later, in order, and the end too', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'delay', ms: 60 })
    const since = performance.now()
    client.socket.write('a')
    client.socket.end('b')
    await ends(server, 'end')
    expect(server.text()).toBe('ab')
    expect(performance.now() - since).toBeGreaterThanOrEqual(59)
  })

  test('ends with healing: what is under way keeps its order', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'delay', ms: 50 })
    client.socket.write('slow ')
    await passTime()
    proxy.heal()
    client.socket.write('quick')
    await arrives(server, 'slow quick')
  })
})

describe('stall', () => {
  test('keeps everything back, and delivers it after healing', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'stall' })
    client.socket.write('late')
    server.socket.write('too')
    await passTime()
    expect([server.text(), client.text()]).toEqual(['', ''])
    proxy.heal()
    await arrives(server, 'late')
    await arrives(client, 'too')
  })

  test('of one direction leaves the other', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'stall', direction: 'to-client' })
    client.socket.write('asked')
    await arrives(server, 'asked')
    server.socket.write('answered')
    await passTime()
    expect(client.text()).toBe('')
    proxy.heal()
    await arrives(client, 'answered')
  })

  test('after N bytes lets exactly these arrive until it is healed', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'stall-after', bytes: 7, direction: 'to-server' })
    for (const half of ['01234', '56789']) client.socket.write(half)
    client.socket.end()
    server.socket.write('any number of bytes')
    await arrives(client, 'any number of bytes')
    await arrives(server, '0123456')
    await passTime()
    expect(server.text()).toBe('0123456')
    proxy.heal()
    await ends(server, 'end')
    expect(server.text()).toBe('0123456789')
  })
})

describe('black hole', () => {
  test('accepts, swallows, and resets nobody; what lost something stays deaf', async () => {
    const { proxy, client, server, peers } = await open()
    proxy.set({ kind: 'black-hole' })
    client.socket.write('lost')
    const fresh = await dial(proxy.address)
    fresh.socket.write('lost too')
    await passTime()
    expect(peers.map((peer) => peer.text())).toEqual(['', ''])
    expect([client.ended(), server.ended(), fresh.ended()]).toEqual([undefined, undefined, undefined])
    proxy.heal()
    client.socket.write('a gap before this')
    await passTime()
    expect(server.text()).toBe('')
    const next = await dial(proxy.address)
    next.socket.write('well')
    await eventually(() => expect(peers.at(-1)?.text()).toBe('well'))
  })

  test('does not pass an end on', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'black-hole' })
    client.socket.destroy()
    await passTime()
    expect(server.ended()).toBeUndefined()
  })

  test('leaves connections that were silent meanwhile as good as before', async () => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'black-hole' })
    await passTime()
    proxy.heal()
    client.socket.write('well')
    await arrives(server, 'well')
  })
})

describe('half open', () => {
  test.for(['client', 'server'] as const)('leaves the %s in the belief that all is well', async (unaware) => {
    const { proxy, client, server } = await open()
    proxy.set({ kind: 'half-open', unaware })
    const [believer, other] = unaware === 'client' ? [client, server] : [server, client]
    await ends(other, 'reset')
    believer.socket.write('anybody?')
    await passTime()
    expect(believer.ended()).toBeUndefined()
    proxy.heal()
    believer.socket.write('anybody?')
    await passTime()
    expect(believer.ended()).toBeUndefined()
  })
})

test('a proxy that is disposed of leaves no connection, no timer and no socket file', async () => {
  const { address, peers } = await listen()
  const proxy = await startTcpProxy({ target: address })
  proxy.set({ kind: 'delay', ms: 60_000 })
  const client = await dial(proxy.address)
  client.socket.write('late')
  await eventually(() => expect(peers).toHaveLength(1))
  await proxy[Symbol.asyncDispose]()
  await ends(client, 'reset')
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  // Of the test itself and of this attempt; the runner has one now and then.
  await eventually(() => expect(countTimers()).toBeLessThanOrEqual(2))
  await expect(dialToEnd(proxy)).rejects.toThrow('ECONNREFUSED')
})
