import type { Uplinks } from '@gpulab/http'
import {
  Counter,
  createMetrics as createRegistry,
  durationBuckets,
  Gauge,
  Histogram,
  type Registry,
} from '@gpulab/monitoring'
import { version } from '../version.ts'

/** Where a request leads; what is none of ours is `none`. */
export type Route = 'gateway' | 'port' | 'terminal' | 'none'

/** No label ever holds what users chose: series stay few. */
export interface Metrics {
  readonly registry: Registry
  answered(request: { method: string; route: Route; code: string; seconds: number }): void
  /** A WebSocket or an uplink has begun; what it gives is to be called at its end. */
  upgraded(route: Route): () => void
  failed(code: string): void
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export function createMetrics(uplinks: Pick<Uplinks, 'count'>): Metrics {
  const registry = createRegistry({ component: 'gateway', version })
  const registers = [registry]
  const duration = new Histogram({
    name: 'gpulab_http_request_duration_seconds',
    help: 'Requests until their answer was passed on, by where they lead.',
    labelNames: ['method', 'route', 'code'],
    buckets: durationBuckets,
    registers,
  })
  const open = new Gauge({
    name: 'gpulab_gateway_upgrades_open',
    help: 'Connections that were upgraded: WebSockets to ports, terminals, and uplinks of hosts (gateway).',
    labelNames: ['route'],
    registers,
  })
  for (const route of ['gateway', 'port', 'terminal']) open.set({ route }, 0)
  const failures = new Counter({
    name: 'gpulab_gateway_failures_total',
    help: 'Requests that the gateway itself answered with an error, by its code.',
    labelNames: ['code'],
    registers,
  })
  const dialled: Gauge = new Gauge({
    name: 'gpulab_uplinks',
    help: 'Hosts that have dialled this process.',
    registers,
    collect: () => dialled.set(uplinks.count()),
  })
  return {
    registry,
    answered: ({ method, route, code, seconds }) =>
      duration.observe({ method: methods.has(method) ? method : 'other', route, code }, seconds),
    upgraded: (route) => {
      open.inc({ route })
      return () => open.dec({ route })
    },
    failed: (code) => failures.inc({ code }),
  }
}
