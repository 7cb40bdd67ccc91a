import {
  type Channel,
  framesProtocol,
  GpulabError,
  toGpulabError,
  type Transport,
  type TransportRequest,
} from '@gpulab/contract'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { exchange } from './exchange.ts'
import { hostLost } from './failures.ts'
import { readRefusal } from './read-refusal.ts'
import { StreamChannel } from './stream-channel.ts'

const http = process.getBuiltinModule('node:http')

export interface LaneSource {
  /** A connection on which a host serves HTTP/1.1; undefined where there is none. */
  take(): Promise<Duplex | undefined>
}

/** Streams of bytes each on a connection of its own, where there is one; everything else by `uplink`. */
export function createLaneTransport(lanes: LaneSource, uplink: Transport): Transport {
  const takeFor = async ({ signal }: TransportRequest): Promise<Duplex | undefined> => {
    const lane = await lanes.take()
    if (signal?.aborted) lane?.destroy()
    signal?.throwIfAborted()
    return lane
  }
  return {
    request: async (call) => {
      const lane = call.isBulk ? await takeFor(call) : undefined
      if (!lane) return uplink.request(call)
      return exchange(call, {
        // A host that refuses closes nothing before its answer has been read.
        start: () =>
          start(lane, { ...call, headers: { ...call.headers, connection: 'keep-alive' } }).once('close', () =>
            lane.destroy(),
          ),
        toFailure: hostLost,
      })
    },
    connect: async (call) => {
      const lane = await takeFor(call)
      if (!lane) return uplink.connect(call)
      return upgrade(lane, call)
    },
  }
}

const start = (lane: Duplex, { method, path, headers }: TransportRequest): ClientRequest =>
  http.request({ createConnection: () => lane, method, path, headers })

async function upgrade(lane: Duplex, call: TransportRequest): Promise<Channel> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | undefined>()
  const headers = { ...call.headers, connection: 'Upgrade', upgrade: framesProtocol }
  const outgoing = start(lane, { ...call, headers })
  const { timeoutMs } = call
  const giveUp = (): void => void lane.destroy(new Error(`no answer within ${(timeoutMs ?? 0) / 1000} s`))
  const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs)
  // For as long as the channel is open, as with a stream of HTTP/2.
  const abort = (): void => void lane.destroy(new DOMException('Aborted', 'AbortError'))
  call.signal?.addEventListener('abort', abort, { once: true })
  lane.once('close', () => call.signal?.removeEventListener('abort', abort))
  outgoing.once('upgrade', (_answer, _socket, head) => {
    if (head.length > 0) lane.unshift(head)
    resolve(undefined)
  })
  outgoing.once('response', resolve).once('error', reject).end()
  try {
    const refusal = await promise
    if (!refusal) return new StreamChannel(lane)
    const status = refusal.statusCode ?? 500
    // A host that was taken over leads nobody anywhere, and what else it may answer opens nothing.
    if (status < 400) throw new Error(`the host answered with ${status}`)
    throw toGpulabError(status, await readRefusal(refusal))
  } catch (error) {
    lane.destroy()
    call.signal?.throwIfAborted()
    throw error instanceof GpulabError ? error : hostLost(error)
  } finally {
    clearTimeout(timer)
  }
}
