import { type Endpoint, GpulabError } from '@gpulab/contract'
import { createServe, createServer, type Server } from '@gpulab/http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { accountRoutes } from './account/routes.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { auditRoutes } from './audit/routes.ts'
import { createServeAudited } from './audit/serve-audited.ts'
import { authenticate, authenticateGateway, authenticateHost, type Principal } from './auth/authenticate.ts'
import { authorize } from './auth/authorize.ts'
import { createLastUse } from './auth/last-use.ts'
import { containerRoutes } from './containers/routes.ts'
import type { ApiKeyRow } from './auth/store.ts'
import { createShareNext } from './db/share-next.ts'
import { translateDatabaseError } from './db/errors.ts'
import type { Deps } from './deps.ts'
import { eventRoutes } from './events/routes.ts'
import { execRoutes } from './exec/routes.ts'
import { gatewayRoutes } from './gateways/routes.ts'
import { gpuRoutes } from './gpus/routes.ts'
import { inviteRoutes, joinRoutes } from './hosts/identity/routes.ts'
import { operatorRoutes } from './hosts/operator-routes.ts'
import { hostRoutes } from './hosts/routes.ts'
import { createLimits } from './limits/service.ts'
import { logRoutes } from './logs/routes.ts'
import { monitorRoutes } from './metrics/routes.ts'
import { portRoutes } from './ports/routes.ts'
import { referenceRoutes } from './reference/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { registryRoutes } from './registries/routes.ts'
import { sshKeyRoutes } from './ssh-keys/routes.ts'
import { statsRoutes } from './stats/routes.ts'
import { teamRoutes } from './teams/routes.ts'
import { templateRoutes } from './templates/routes.ts'
import { terminalRoutes } from './terminals/routes.ts'
import { volumeFileRoutes } from './volumes/files/routes.ts'
import { volumeRoutes } from './volumes/routes.ts'
import { uplinkRoutes } from './uplinks/routes.ts'
import { usageRoutes } from './usage/routes.ts'
import { userRoutes } from './users/routes.ts'

/** The whole API, not yet listening. */
export function createApp(deps: Deps): Server {
  const app = createServer({
    logger: deps.log,
    translate: translateDatabaseError,
    observer: deps.metrics.requests,
    ...(deps.config.tls && { tls: deps.config.tls }),
  })
  const lastUse = createLastUse(deps)
  const limits = createLimits(deps)
  const shareKeys = createShareNext<ApiKeyRow | undefined>()
  const admit = async (request: FastifyRequest, endpoint: Endpoint, reply: FastifyReply) => {
    const principal = await authenticate(deps, request, shareKeys).catch(async (error: unknown) => {
      const isBadKey = error instanceof GpulabError && error.code === 'api_key_invalid'
      throw isBadKey ? await limits.toAnswer(request.ip, error) : error
    })
    const { limit, left } = await limits.count(endpoint, principal)
    void reply.headers({ 'x-ratelimit-limit': limit, 'x-ratelimit-remaining': left })
    authorize(endpoint, principal)
    lastUse.note(principal.keyId)
    return principal
  }
  /** A stream may outlive its key, or what its user may do, by days. */
  const mayStay = async (request: FastifyRequest, endpoint: Endpoint, before: Principal) => {
    const principal = await authenticate(deps, request, shareKeys)
    authorize(endpoint, principal)
    if (principal.teamUuid !== before.teamUuid) throw new GpulabError('api_key_invalid')
  }
  const serve = createServeAudited(createServe(app, admit, { mayStay }), deps)
  // A thousand hosts call three times as often as their users do; what they say shows in their containers.
  const serveHosts = createServe(app, (request: FastifyRequest) => authenticateHost(deps, request), {
    logLevel: 'debug',
  })
  const serveGateways = createServe(app, (request: FastifyRequest) => authenticateGateway(deps, request), {
    logLevel: 'debug',
  })

  accountRoutes(serve, deps)
  apiKeyRoutes(serve, deps)
  auditRoutes(serve, deps)
  containerRoutes(serve, deps)
  eventRoutes(serve, deps)
  execRoutes(serve, deps)
  gatewayRoutes(serveGateways, serveHosts, deps)
  gpuRoutes(serve, deps)
  logRoutes(serve, deps)
  operatorRoutes(serve, deps)
  portRoutes(serve, deps)
  sessionRoutes(serve, deps)
  registryRoutes(serve, deps)
  sshKeyRoutes(serve, deps)
  statsRoutes(serve, deps)
  teamRoutes(serve, deps)
  templateRoutes(serve, deps)
  terminalRoutes(serve, serveGateways, deps)
  usageRoutes(serve, deps)
  userRoutes(serve, deps)
  volumeRoutes(serve, deps)
  volumeFileRoutes(serve, deps)
  hostRoutes(serveHosts, deps)
  inviteRoutes(serve, deps)
  joinRoutes(app, deps)
  uplinkRoutes(app, deps)
  referenceRoutes(app)
  monitorRoutes(app, deps)
  return app
}
