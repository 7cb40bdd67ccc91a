import { GpulabError, uplinkPath, uplinkProtocol } from '@gpulab/contract'
import { acceptUplink, type Server, takeUpgrade } from '@gpulab/http'
import { authenticateHost } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'

/** Where agents dial in. What they dial for is the other way round, so this is no endpoint of the contract. */
export function uplinkRoutes(app: Server, deps: Deps): void {
  app.get(uplinkPath, async (request, reply) => {
    const { hostUuid, hostName } = await authenticateHost(deps, request)
    const upgrade = takeUpgrade(request, uplinkProtocol)
    if (!upgrade)
      throw new GpulabError('invalid_request', { message: `Ask for an upgrade to ${uplinkProtocol}.` })
    reply.hijack()
    deps.uplinks.add(hostUuid, acceptUplink(upgrade.socket, upgrade.head))
    request.log.info({ host: hostName }, 'uplink opened')
    upgrade.socket.once('close', () => request.log.info({ host: hostName }, 'uplink closed'))
  })
}
