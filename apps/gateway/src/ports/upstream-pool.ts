import { GpulabError } from '@gpulab/contract'
import { Agent, type AgentOptions, type ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectPort } from './connect-port.ts'

const idleMs = 15_000
const idleMaxPerPort = 64

type Connected = (error: Error | null, socket?: Duplex) => void

function leave(this: Duplex): void {
  this.destroy()
}

/** Node's own pool of connections, each of which is a stream of an uplink. */
class UplinkAgent extends Agent {
  readonly #connect: ConnectPort
  readonly #idle = new WeakMap<object, NodeJS.Timeout>()

  constructor(connect: ConnectPort) {
    super({ keepAlive: true, maxFreeSockets: idleMaxPerPort, scheduling: 'lifo' })
    this.#connect = connect
  }

  override getName(options: AgentOptions & { socketPath?: string } = {}): string {
    // "Path" of a socket that is none: which container's port of which host.
    return options.socketPath ?? ''
  }

  override createConnection(
    options: { socketPath?: string },
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    void this.#open(toTarget(options.socketPath ?? ''), callback as Connected)
    return undefined
  }

  async #open(target: Target, connected: Connected): Promise<void> {
    let socket: Duplex
    try {
      socket = await this.#connect(target)
    } catch (error) {
      connected(error as Error)
      return
    }
    connected(null, socket)
  }

  /** Until the service closes it, which only a socket of the kernel's tells the pool by itself. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (socket.readableEnded) return false
    socket.once('end', leave).resume()
    this.#idle.set(socket, setTimeout(leave.bind(socket), idleMs).unref())
    return true
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request)
    socket.off('end', leave)
    clearTimeout(this.#idle.get(socket))
  }
}

export interface UpstreamPool {
  readonly agent: Agent
  /** For `socketPath` of a request. */
  toPath(target: Target): string
}

export interface Target {
  /** Of an uplink. */
  readonly host: string
  readonly uuid: string
  readonly port: number
}

export const createUpstreamPool = (connect: ConnectPort): UpstreamPool => ({
  agent: new UplinkAgent(connect),
  toPath: ({ host, uuid, port }) => `${host} ${uuid} ${port}`,
})

function toTarget(path: string): Target {
  const [host, uuid, port] = path.split(' ')
  if (host === undefined || uuid === undefined) throw new GpulabError('internal')
  return { host, uuid, port: Number(port) }
}
