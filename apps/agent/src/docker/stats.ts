import { readLines } from '@gpulab/contract'
import type { Engine } from './connect.ts'
import { callEngine, toEngineError } from './errors.ts'

interface CpuStats {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null }
  readonly system_cpu_usage?: number
  readonly online_cpus?: number
}

/** What the engine measured; which fields there are depends on its version, the cgroup version and the container. */
export interface EngineStats {
  /** In the year 1 where the container does not run. */
  readonly read?: string
  readonly cpu_stats?: CpuStats
  /** Of the sample before; all zero in the first one of a stream. */
  readonly precpu_stats?: CpuStats
  readonly memory_stats?: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>
  > | null
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null
  }
  readonly pids_stats?: { readonly current?: number; readonly limit?: number }
}

const inspectMs = 20_000
/** An engine that is well tells something every second, also of a container that is paused. */
const silenceMaxMs = 30_000
const nanoCpus = 1e9

/** A sample about every second, by the container's id. Goes on with empty ones after the container's end. */
export async function* followStats(
  engine: Engine,
  container: string,
  signal: AbortSignal,
): AsyncGenerator<EngineStats> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('the engine has fallen silent')), silenceMaxMs)
  // Through a variable, since the library's types do not know of the signal that it takes.
  const options = { stream: true as const, abortSignal: AbortSignal.any([signal, silence.signal]) }
  try {
    const body = await callEngine(() => engine.getContainer(container).stats(options))
    for await (const line of readLines(body as AsyncIterable<Uint8Array>)) {
      timer.refresh()
      if (line.trim() !== '') yield JSON.parse(line) as EngineStats
    }
  } catch (error) {
    throw toEngineError(error)
  } finally {
    clearTimeout(timer)
  }
}

/** How many CPUs' time a container may use; null: no limit. */
export async function readCpuLimit(engine: Engine, container: string): Promise<number | null> {
  const { HostConfig } = await callEngine(() =>
    engine.getContainer(container).inspect({ abortSignal: AbortSignal.timeout(inspectMs) }),
  )
  return HostConfig.NanoCpus ? HostConfig.NanoCpus / nanoCpus : null
}
