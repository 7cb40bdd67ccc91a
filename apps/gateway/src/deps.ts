import type { Client, gateway } from '@gpulab/contract'
import type { Uplinks } from '@gpulab/http'
import type { Readiness } from '@gpulab/monitoring'
import type { ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Admissions } from './ports/admissions.ts'
import type { ConnectPort } from './ports/connect-port.ts'
import type { UpstreamPool } from './ports/upstream-pool.ts'
import type { Strangers } from './requests/strangers.ts'
import type { RouteCache } from './routes/route-cache.ts'
import type { ServePage } from './terminal/serve-page.ts'

/** Made once in main.ts; functions ask for the part that they use. */
export interface Deps {
  readonly config: Config
  readonly control: Client<typeof gateway>
  readonly uplinks: Uplinks
  readonly routes: RouteCache
  readonly admissions: Admissions
  readonly strangers: Strangers
  readonly connectPort: ConnectPort
  readonly pool: UpstreamPool
  readonly page: ServePage
  readonly log: Logger
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** The API has answered. */
  onKnown(): void
  /** Requests that have no whole answer yet. */
  readonly open: Set<ServerResponse>
}
