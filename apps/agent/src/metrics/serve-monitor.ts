import type { UplinkServer } from '@gpulab/http'
import { createReadiness, Gauge, type Registry, serveMonitoring } from '@gpulab/monitoring'
import type { Deps } from '../deps.ts'
import { readGpus } from '../stats/poll-gpus.ts'
import { registerGpuGauges } from './gpu-gauges.ts'

type Parts = Pick<Deps, 'config' | 'clock' | 'health' | 'log' | 'metrics' | 'reconciler' | 'sessions'>

/** Metrics and health on the address that is set for them. Gives what ends it. */
export async function serveMonitor(deps: Parts, uplinks: UplinkServer): Promise<() => void> {
  const { config, health, metrics } = deps
  if (config.monitorListen === undefined) return () => {}
  registerGauges(metrics.registry, deps, uplinks)
  registerGpuGauges(metrics.registry, () => readGpus({ ...deps, nvidiaSmi: config.nvidiaSmi }))
  const readiness = createReadiness({
    engine: () => (health.state().available ? Promise.resolve() : Promise.reject(new Error('away'))),
    uplink: () => (uplinks.count() > 0 ? Promise.resolve() : Promise.reject(new Error('none'))),
  })
  return serveMonitoring(config.monitorListen, { registry: metrics.registry, readiness })
}

const engineStates = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']

function registerGauges(
  registry: Registry,
  { health, reconciler, sessions }: Pick<Parts, 'health' | 'reconciler' | 'sessions'>,
  uplinks: UplinkServer,
): void {
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  gauge('gpulab_agent_engine_up', 'Whether Docker answers.', () => (health.state().available ? 1 : 0))
  gauge('gpulab_agent_uplinks', 'Connections to control plane and gateways.', () => uplinks.count())
  gauge('gpulab_agent_tasks', 'Containers that something is being done to.', () => reconciler.countTasks())
  gauge('gpulab_agent_sessions_open', 'Sessions that have not ended.', () => sessions.countOpen())
  const containers: Gauge<'state'> = new Gauge({
    name: 'gpulab_agent_containers',
    help: "Containers of ours on this host, by Docker's word for their state.",
    labelNames: ['state'],
    registers: [registry],
    collect: () => {
      const counts = reconciler.countByState()
      containers.reset()
      for (const state of engineStates) containers.set({ state }, counts.get(state) ?? 0)
    },
  })
}
