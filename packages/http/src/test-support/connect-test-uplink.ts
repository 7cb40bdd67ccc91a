import { GpulabError, laneProtocol, type Transport, uplinkProtocol } from '@gpulab/contract'
import { startTcpProxy, type TcpProxy } from '@gpulab/testing'
import { createLaneTransport, createSessionTransport } from '@gpulab/transport'
import type { ClientHttp2Session } from 'node:http2'
import { createServer, type Server, type ServerOptions } from '../create-server.ts'
import { takeUpgrade } from '../upgrades.ts'
import { acceptLane, Lanes, LaneTokens } from '../uplink/lanes.ts'
import { createUplinkServer, type Uplink } from '../uplink/uplink-server.ts'
import { acceptUplink } from '../uplink/uplinks.ts'

export interface TestUplink {
  /** As the control plane calls hosts: streams on lanes. */
  readonly laned: Transport
  /** As it does where there are none. */
  readonly plain: Transport
  readonly session: ClientHttp2Session
  /** Host's end. */
  readonly uplink: Uplink
  /** Between the two. */
  readonly network: TcpProxy
  /** How many lanes have been dialled. */
  readonly lanesDialled: () => number
}

/** However busy the machine is. */
const waitMs = 30_000

/** A host that serves `app` and has dialled a control plane through a network that can fail. */
export async function connectTestUplink(
  app: Server,
  closers: AsyncDisposableStack,
  { tls, refusesLanes = false }: Pick<ServerOptions, 'tls'> & { readonly refusesLanes?: boolean } = {},
): Promise<TestUplink> {
  const control = createServer({ logger: false, ...(tls && { tls }) })
  const { promise, resolve } = Promise.withResolvers<ClientHttp2Session>()
  const tokens = new LaneTokens()
  let dialled = 0
  control.get('/agent/v1/uplink', async (request, reply) => {
    const lane = takeUpgrade(request, laneProtocol)
    if (lane) {
      dialled++
      if (refusesLanes) throw new GpulabError('host_session_invalid')
      await acceptLane(tokens, request.headers, lane.socket, lane.head)
      reply.hijack()
      return
    }
    const upgrade = takeUpgrade(request, uplinkProtocol)
    if (!upgrade) throw new GpulabError('invalid_request')
    reply.hijack()
    resolve(await acceptUplink(upgrade.socket, upgrade.head))
  })
  const url = new URL(await control.listen({ host: '127.0.0.1', port: 0 }))
  closers.defer(() => control.close())
  const network = await startTcpProxy({ target: { port: Number(url.port) } })
  closers.use(network)
  const uplinks = createUplinkServer(app)
  closers.defer(() => app.close())
  closers.defer(() => uplinks.close())
  const uplink = await uplinks.dial({
    url: `${url.protocol}//127.0.0.1:${network.port}`,
    headers: {},
    signal: new AbortController().signal,
  })
  const session = await promise
  closers.defer(() => session.destroy())
  const plain = createSessionTransport(session)
  return {
    laned: createLaneTransport(new Lanes(session, tokens, waitMs), plain),
    plain,
    session,
    uplink,
    network,
    lanesDialled: () => dialled,
  }
}
