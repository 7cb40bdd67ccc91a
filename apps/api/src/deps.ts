import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import type { AuditLog } from './audit/audit-log.ts'
import type { Config } from './config.ts'
import type { Database } from './db/connect.ts'
import type { Signals } from './db/signals.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Uplinks } from '@gpulab/http'
import type { Readiness } from '@gpulab/monitoring'

export interface Clock {
  now(): Date
}

/** Made once in main.ts; functions ask for the part that they use. */
export interface Deps {
  readonly config: Config
  readonly db: Database
  readonly signals: Signals
  readonly uplinks: Uplinks
  readonly audit: AuditLog
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** Does nothing outside of fault tests. */
  readonly failPoint: FailPoint
}
