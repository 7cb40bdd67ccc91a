import { challengeSeconds, GpulabError, laneProtocol, uplinkPath, uplinkProtocol } from '@gpulab/contract'
import { type Server, takeUpgrade } from '@gpulab/http'
import type { FastifyRequest } from 'fastify'
import type { ClientHttp2Session } from 'node:http2'
import { authenticateHost } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'

/** An uplink outlives its session, so it is opened with one that was proven just now; replicas' clocks may differ. */
const sessionMaxAgeMs = 2 * challengeSeconds * 1000
/** How often an uplink's host is looked at although nobody has said that anything changed. */
const lookMs = 60_000

/** Where agents dial in. What they dial for is the other way round, so this is no endpoint of the contract. */
export function uplinkRoutes(app: Server, deps: Deps): void {
  app.get(uplinkPath, { config: { streamKind: 'duplex' } }, async (request, reply) => {
    const lane = takeUpgrade(request, laneProtocol)
    if (lane) {
      await deps.uplinks.acceptLane(request.headers, lane.socket, lane.head)
      reply.hijack()
      return
    }
    const { hostUuid, hostName } = await authenticateHost(deps, request, { maxAgeMs: sessionMaxAgeMs })
    const upgrade = takeUpgrade(request, uplinkProtocol)
    if (!upgrade)
      throw new GpulabError('invalid_request', { message: `Ask for an upgrade to ${uplinkProtocol}.` })
    reply.hijack()
    const session = await deps.uplinks.accept(hostUuid, upgrade.socket, upgrade.head)
    deps.metrics.uplinkOpened()
    request.log.info({ host: hostName }, 'uplink opened')
    upgrade.socket.once('close', () => request.log.info({ host: hostName }, 'uplink closed'))
    void hangUpOnStranger(deps, request, hostUuid, session)
  })
}

/** Ends an uplink once its host is removed, or another key is that host. */
async function hangUpOnStranger(
  deps: Deps,
  request: FastifyRequest,
  hostUuid: string,
  session: ClientHttp2Session,
): Promise<void> {
  using listener = deps.signals.listen('gpulab_host', hostUuid)
  const closed = new AbortController()
  session.once('close', () => closed.abort())
  while (!session.destroyed) {
    // The first look comes after the listening began, so no change falls in between.
    if (await isStranger(deps, request)) {
      request.log.warn({ host: hostUuid }, 'uplink is cut: its agent is this host no more')
      session.destroy()
      return
    }
    await listener.wait(lookMs, closed.signal)
  }
}

/** Whether the agent is the host no more. That its session grows old meanwhile does not matter. */
const isStranger = (deps: Deps, request: FastifyRequest): Promise<boolean> =>
  authenticateHost(deps, request, { maxAgeMs: Infinity }).then(
    () => false,
    // A database that is away says nothing about the host.
    (error: unknown) => error instanceof GpulabError && error.code === 'host_session_invalid',
  )
