import type { RequestObserver } from '@gpulab/http'
import { Gauge, Histogram, type Registry } from 'prom-client'
import { durationBuckets } from './create-metrics.ts'

/**
 * Counts and times requests. `route` is the pattern that was matched, never the path, so that there are no more series
 * than routes; streams, which last as long as somebody wants them to, are only counted while they are open.
 */
export function observeRequests(registry: Registry): RequestObserver {
  const duration = new Histogram({
    name: 'gpulab_http_request_duration_seconds',
    help: 'Requests that were answered, streams that were opened not among them.',
    labelNames: ['method', 'route', 'code'],
    buckets: durationBuckets,
    registers: [registry],
  })
  const streams = new Gauge({
    name: 'gpulab_streams_open',
    help: 'Streams that are open: events, bytes (files and output) or duplex (sessions and ports).',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of ['events', 'bytes', 'duplex']) streams.set({ kind }, 0)
  return {
    answered: ({ method, route, code, seconds }) => duration.observe({ method, route, code }, seconds),
    opened: (kind) => {
      streams.inc({ kind })
      return () => streams.dec({ kind })
    },
  }
}
