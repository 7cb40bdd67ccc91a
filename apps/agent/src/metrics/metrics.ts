import type { RequestObserver } from '@gpulab/http'
import {
  createMetrics as createRegistry,
  durationBuckets,
  Histogram,
  observeRequests,
  type Registry,
} from '@gpulab/monitoring'
import type { OnEngineCall } from '../docker/connect.ts'
import { version } from '../version.ts'

/** What the parts of this process tell of themselves. No label ever holds what users chose: series stay few. */
export interface Metrics {
  readonly registry: Registry
  readonly requests: RequestObserver
  readonly engineCalled: OnEngineCall
  stepped(step: string, outcome: 'ok' | 'failed', seconds: number): void
}

/** Pulls of images are steps too. */
const stepBuckets = [...durationBuckets, 60, 300, 900]

export function createMetrics(): Metrics {
  const registry = createRegistry({ component: 'agent', version })
  const registers = [registry]
  const calls = new Histogram({
    name: 'gpulab_docker_call_duration_seconds',
    help: "Calls to Docker until the answer began: ok, refused (the engine's own no) or failed.",
    labelNames: ['call', 'outcome'],
    buckets: durationBuckets,
    registers,
  })
  const steps = new Histogram({
    name: 'gpulab_agent_step_duration_seconds',
    help: 'Steps with which containers are made to be what is wanted.',
    labelNames: ['step', 'outcome'],
    buckets: stepBuckets,
    registers,
  })
  return {
    registry,
    requests: observeRequests(registry),
    engineCalled: (call, outcome, seconds) => calls.observe({ call, outcome }, seconds),
    stepped: (step, outcome, seconds) => steps.observe({ step, outcome }, seconds),
  }
}
