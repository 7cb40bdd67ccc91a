import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { pipeFlow, type Flow } from './tcp-flow.ts'

/** A port of 127.0.0.1, or a Unix socket. */
export type ProxyAddress = { readonly port: number } | { readonly path: string }

export type Direction = 'to-server' | 'to-client'

/**
 * What goes wrong between client and server, from `set` on and until `heal`, for connections that are there and for new
 * ones. A Unix socket knows no reset: there `cut` is a plain end.
 *
 * - `cut`: connections end with a reset, new ones as soon as they are accepted.
 * - `cut-after`: each connection is cut once so many more bytes have gone in that direction; the bytes up to there arrive.
 * - `delay`: every byte arrives so much later.
 * - `stall`: nothing arrives, no end either; what was sent arrives after `heal`, as after a partition of the network.
 * - `stall-after`: each connection does so once so many more bytes have gone in a direction.
 * - `black-hole`: as `stall`, but what was sent is lost. Connections that lost something stay deaf after `heal`.
 * - `half-open`: the connection of the other side has ended with a reset, and this side does not hear of it.
 */
export type NetworkFault =
  | { readonly kind: 'cut' }
  | { readonly kind: 'cut-after'; readonly bytes: number; readonly direction: Direction }
  | { readonly kind: 'delay'; readonly ms: number; readonly direction?: Direction }
  | { readonly kind: 'stall'; readonly direction?: Direction }
  | { readonly kind: 'stall-after'; readonly bytes: number; readonly direction?: Direction }
  | { readonly kind: 'black-hole'; readonly direction?: Direction }
  | { readonly kind: 'half-open'; readonly unaware: 'client' | 'server' }

export interface TcpProxy extends AsyncDisposable {
  /** Where clients connect to. */
  readonly address: ProxyAddress
  /** Of a proxy that listens on TCP. */
  readonly port: number
  /** Pairs of connections that are open. */
  connections(): number
  set(fault: NetworkFault): void
  heal(): void
  /** Resets the connections that are there now; new ones are not touched. */
  cut(): void
}

export interface TcpProxyOptions {
  /** Asked for each connection, so that it may change, or take turns. */
  readonly target: ProxyAddress | (() => ProxyAddress)
  /** Without it: a free port. */
  readonly listen?: ProxyAddress
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  readonly flows: Readonly<Record<Direction, Flow>>
  end(): void
}

/** A proxy in user space that breaks connections in every way that a network does. Listens on this machine alone. */
export async function startTcpProxy({ target, listen }: TcpProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let fault: NetworkFault | undefined

  const open = (client: Socket): void => {
    const server = connect(toOptions(typeof target === 'function' ? target() : target))
    const pair = toPair(client, server)
    pairs.add(pair)
    void Promise.all([closed(client), closed(server)]).then(() => pairs.delete(pair))
    if (fault) apply(pair, fault)
  }
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, open)
  listener.listen(listen ? toOptions(listen) : { host: '127.0.0.1', port: 0 })
  await once(listener, 'listening')
  const address = listener.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0

  return {
    address: listen && 'path' in listen ? listen : { port },
    port,
    connections: () => pairs.size,
    set: (next) => {
      fault = next
      for (const pair of pairs) apply(pair, next)
    },
    heal: () => {
      fault = undefined
      for (const { flows } of pairs) for (const flow of Object.values(flows)) flow.heal()
    },
    cut: () => pairs.forEach((pair) => pair.end()),
    [Symbol.asyncDispose]: async () => {
      listener.close()
      for (const pair of pairs) pair.end()
      await once(listener, 'close')
      if (listen && 'path' in listen) await rm(listen.path, { force: true })
    },
  }
}

function toPair(client: Socket, server: Socket): Pair {
  const end = (): void => [client, server].forEach(reset)
  const flows = {
    'to-server': pipeFlow(client, server, end),
    'to-client': pipeFlow(server, client, end),
  }
  return { client, server, flows, end }
}

function apply(pair: Pair, fault: NetworkFault): void {
  const { flows, client, server } = pair
  const chosen = (direction: Direction | undefined): Flow[] =>
    direction ? [flows[direction]] : Object.values(flows)
  switch (fault.kind) {
    case 'cut':
      return pair.end()
    case 'cut-after':
      return flows[fault.direction].cutAfter(fault.bytes)
    case 'delay':
      return chosen(fault.direction).forEach((flow) => flow.delay(fault.ms))
    case 'stall':
      return chosen(fault.direction).forEach((flow) => flow.stall())
    case 'stall-after':
      return chosen(fault.direction).forEach((flow) => flow.stallAfter(fault.bytes))
    case 'black-hole':
      return chosen(fault.direction).forEach((flow) => flow.swallow())
    case 'half-open':
      Object.values(flows).forEach((flow) => flow.deafen())
      return reset(fault.unaware === 'client' ? server : client)
  }
}

function reset(socket: Socket): void {
  if (socket.destroyed) return
  if (socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => void socket.once('close', () => resolve()))

const toOptions = (address: ProxyAddress) =>
  'path' in address ? { path: address.path } : { host: '127.0.0.1', port: address.port }
