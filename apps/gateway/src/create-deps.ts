import { createClient, gateway } from '@gpulab/contract'
import { createUplinks, withRequestId } from '@gpulab/http'
import { createReadiness } from '@gpulab/monitoring'
import { createHttpTransport } from '@gpulab/transport'
import pino from 'pino'
import type { Config } from './config.ts'
import type { Deps } from './deps.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createAdmissions } from './ports/admissions.ts'
import { createConnectPort } from './ports/connect-port.ts'
import { createUpstreamPool } from './ports/upstream-pool.ts'
import { createStrangers } from './requests/strangers.ts'
import { createRouteCache } from './routes/route-cache.ts'
import { createPage } from './terminal/serve-page.ts'

export function createDeps(config: Config): Deps {
  const transport = withRequestId(createHttpTransport({ url: config.apiUrl, insecure: config.insecure }))
  const control = createClient(gateway, transport, {
    headers: { authorization: `Bearer ${config.gatewayKey}` },
  })
  const uplinks = createUplinks()
  const connectPort = createConnectPort(uplinks)
  const known = Promise.withResolvers<void>()
  return {
    config,
    control,
    uplinks,
    routes: createRouteCache(control),
    admissions: createAdmissions(control),
    strangers: createStrangers(),
    connectPort,
    pool: createUpstreamPool(connectPort),
    page: createPage(),
    log: pino({ level: config.logLevel }),
    metrics: createMetrics(uplinks),
    // Once it knows an API it serves what it knows, also while that is away.
    readiness: createReadiness({ api: () => known.promise }),
    onKnown: known.resolve,
    open: new Set(),
  }
}
