import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** Seconds: from what a cache answers to what a pull of an image takes. */
export const durationBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * A registry with what every program of ours tells: `process_*` and `nodejs_*` as all of Node's do (the lag of the event
 * loop among them), and which version it is.
 */
export function createMetrics({
  component,
  version,
}: {
  readonly component: string
  readonly version: string
}): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const info = new Gauge({
    name: 'gpulab_build_info',
    help: 'Always 1; its labels tell what runs.',
    labelNames: ['component', 'version'],
    registers: [registry],
  })
  info.set({ component, version }, 1)
  return registry
}
