import type { ContainerStats } from '@gpulab/contract'
import { containerNotFound, containerNotRunning } from '../containers/find.ts'
import { findSettled } from '../containers/find-settled.ts'
import { type FollowDeps, followContainer } from './follow-container.ts'
import { type GpuPollDeps, pollGpus } from './poll-gpus.ts'
import { createSharedStreams, type SharedStreams } from './shared-streams.ts'

export interface StatsReader {
  /** One sample, or with `follow` samples until the container ends. Fails at once where it does not run. */
  read(uuid: string, follow: boolean, signal: AbortSignal): Promise<AsyncIterable<ContainerStats>>
}

type StatsDeps = Omit<FollowDeps, 'gpus'> & GpuPollDeps

/** Less than two of the engine's seconds, which are never shorter than a second. */
const everyMs = 1900
/** After which one without a figure for the CPU is better than none. */
const samplesMax = 3

/** Everybody who watches a container shares one stream of the engine's, and all of the host one nvidia-smi. */
export function createStatsReader(deps: StatsDeps): StatsReader {
  const gpus = createSharedStreams((_key, signal) => pollGpus(deps, signal))
  const samples = createSharedStreams((uuid, signal) => followContainer({ ...deps, gpus }, uuid, signal))
  return {
    read: async (uuid, follow, signal) => {
      const container = await findSettled(deps, uuid, follow, signal)
      if (!container) throw containerNotFound(uuid)
      if (container.state !== 'running') throw containerNotRunning(uuid)
      return follow ? thin(watch(samples, uuid, signal)) : takeOne(watch(samples, uuid, signal))
    },
  }
}

async function* watch(
  samples: SharedStreams<ContainerStats>,
  uuid: string,
  signal: AbortSignal,
): AsyncGenerator<ContainerStats> {
  using watcher = samples.join(uuid)
  for (;;) {
    const sample = await watcher.next(signal)
    if (!sample) return
    yield sample
  }
}

/** The first with a figure for the CPU, which takes two of the engine's. */
export async function* takeOne(samples: AsyncIterable<ContainerStats>): AsyncGenerator<ContainerStats> {
  let count = 0
  for await (const sample of samples) {
    if (sample.cpu_percent === null && ++count < samplesMax) continue
    yield sample
    return
  }
}

/** One at once, the next as soon as there is a figure for the CPU, and then one every two seconds. */
export async function* thin(samples: AsyncIterable<ContainerStats>): AsyncGenerator<ContainerStats> {
  let last: ContainerStats | undefined
  for await (const sample of samples) {
    const isFuller = last?.cpu_percent === null && sample.cpu_percent !== null
    if (last && !isFuller && Date.parse(sample.at) - Date.parse(last.at) < everyMs) continue
    last = sample
    yield sample
  }
}
