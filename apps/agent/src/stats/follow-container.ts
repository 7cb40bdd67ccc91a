import type { ContainerStats } from '@gpulab/contract'
import type { Clock } from '../clock.ts'
import { findSettled, type SettledDeps } from '../containers/find-settled.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { EngineError, engineUnavailable, hasStatus } from '../docker/errors.ts'
import { followStats, readCpuLimit } from '../docker/stats.ts'
import { type GpuReading, pickCards } from './parse-gpu-stats.ts'
import type { SharedStreams } from './shared-streams.ts'
import { round, toUsage } from './to-usage.ts'

export interface FollowDeps extends SettledDeps {
  readonly clock: Clock
  /** All cards of the host, under any key. */
  readonly gpus: SharedStreams<GpuReading>
}

/** Between the end of a run and the look whether another one has begun. */
const reopenMs = 250
/** The engine's first sample takes a second; a first word of nvidia-smi is worth waiting a little longer for. */
const firstReadingMs = 3000

/** Samples of a container, about one a second, over all of its runs until it is not started again. */
export async function* followContainer(
  deps: FollowDeps,
  uuid: string,
  signal: AbortSignal,
): AsyncGenerator<ContainerStats> {
  for (;;) {
    const container = await findSettled(deps, uuid, true, signal)
    if (container?.state !== 'running') return
    try {
      yield* followRun(deps, container, signal)
    } catch (error) {
      signal.throwIfAborted()
      // It was removed between the look and the call: the next look tells.
      if (!hasStatus(error, 404, 409)) throw error instanceof EngineError ? engineUnavailable(error) : error
    }
    await deps.clock.wait(reopenMs, signal)
  }
}

async function* followRun(
  { engine, gpus, clock }: FollowDeps,
  { id, uuid, gpuUuids }: ObservedContainer,
  signal: AbortSignal,
): AsyncGenerator<ContainerStats> {
  using cards = gpuUuids.length > 0 ? gpus.join('') : undefined
  const late = AbortSignal.any([signal, clock.timeout(firstReadingMs)])
  const reading = cards?.next(late).catch(() => undefined)
  const cpuLimit = await readCpuLimit(engine, id)
  for await (const sample of followStats(engine, id, signal)) {
    const usage = toUsage(sample)
    if (!usage) return
    await reading
    yield {
      uuid,
      ...usage,
      cpu_cores: round(Math.min(cpuLimit ?? Infinity, usage.cpu_cores)),
      gpus: pickCards(gpuUuids, cards?.newest()),
    }
  }
}
