import type { Endpoint } from '@gpulab/contract'
import { createServe, createServer, type Server } from '@gpulab/http'
import type { FastifyRequest } from 'fastify'
import { accountRoutes } from './account/routes.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { authenticate, authenticateHost } from './auth/authenticate.ts'
import { authorize } from './auth/authorize.ts'
import { createLastUse } from './auth/last-use.ts'
import { containerRoutes } from './containers/routes.ts'
import { ping } from './db/connect.ts'
import { translateDatabaseError } from './db/errors.ts'
import type { Deps } from './deps.ts'
import { eventRoutes } from './events/routes.ts'
import { execRoutes } from './exec/routes.ts'
import { gpuRoutes } from './gpus/routes.ts'
import { inviteRoutes, joinRoutes } from './hosts/identity/routes.ts'
import { operatorRoutes } from './hosts/operator-routes.ts'
import { hostRoutes } from './hosts/routes.ts'
import { logRoutes } from './logs/routes.ts'
import { portRoutes } from './ports/routes.ts'
import { referenceRoutes } from './reference/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { statsRoutes } from './stats/routes.ts'
import { teamRoutes } from './teams/routes.ts'
import { templateRoutes } from './templates/routes.ts'
import { uplinkRoutes } from './uplinks/routes.ts'
import { userRoutes } from './users/routes.ts'

/** The whole API, not yet listening. */
export function createApp(deps: Deps): Server {
  const app = createServer({
    logger: deps.log,
    translate: translateDatabaseError,
    ...(deps.config.tls && { tls: deps.config.tls }),
  })
  const lastUse = createLastUse(deps)
  const serve = createServe(app, async (request: FastifyRequest, endpoint: Endpoint) => {
    const principal = await authenticate(deps, request)
    authorize(endpoint, principal)
    lastUse.note(principal.keyId)
    return principal
  })
  // A thousand hosts call three times as often as their users do; what they say shows in their containers.
  const serveHosts = createServe(app, (request: FastifyRequest) => authenticateHost(deps, request), {
    logLevel: 'debug',
  })

  accountRoutes(serve)
  apiKeyRoutes(serve, deps)
  containerRoutes(serve, deps)
  eventRoutes(serve, deps)
  execRoutes(serve, deps)
  gpuRoutes(serve, deps)
  logRoutes(serve, deps)
  operatorRoutes(serve, deps)
  portRoutes(serve, deps)
  sessionRoutes(serve, deps)
  statsRoutes(serve, deps)
  teamRoutes(serve, deps)
  templateRoutes(serve, deps)
  userRoutes(serve, deps)
  hostRoutes(serveHosts, deps)
  inviteRoutes(serve, deps)
  joinRoutes(app, deps)
  uplinkRoutes(app, deps)
  referenceRoutes(app)
  app.get('/healthz', async () => {
    await ping(deps.db)
    return { status: 'ok' }
  })
  return app
}
