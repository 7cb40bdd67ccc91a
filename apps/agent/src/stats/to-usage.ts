import type { ContainerStats } from '@gpulab/contract'
import type { EngineStats } from '../docker/stats.ts'

/** All of a sample but what the engine does not know. */
export type Usage = Omit<ContainerStats, 'uuid' | 'gpus'>

/**
 * One of the engine's samples as `docker stats` would show it, or undefined where the container did not run. The
 * formulas are those of docker/cli, cli/command/container/stats_helpers.go.
 */
export function toUsage(sample: EngineStats): Usage | undefined {
  const { read = '', memory_stats: memory = {}, pids_stats: pids = {} } = sample
  const at = new Date(read)
  if (memory.usage === undefined || Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1970) return undefined
  const networks = Object.values(sample.networks ?? {})
  return {
    at: at.toISOString(),
    cpu_percent: toCpuPercent(sample),
    cpu_cores: coresOf(sample),
    memory_used_bytes: withoutCache(memory.usage, memory.stats),
    memory_limit_bytes: toSafe(memory.limit) ?? 0,
    network_rx_bytes: sum(networks.map(({ rx_bytes }) => rx_bytes)),
    network_tx_bytes: sum(networks.map(({ tx_bytes }) => tx_bytes)),
    block_read_bytes: sumBlocks(sample, 'r'),
    block_write_bytes: sumBlocks(sample, 'w'),
    pids: pids.current ?? 0,
    pids_limit: toSafe(pids.limit) || null,
  }
}

function toCpuPercent(sample: EngineStats): number | null {
  const { cpu_stats: now = {}, precpu_stats: before = {} } = sample
  const used = (now.cpu_usage?.total_usage ?? 0) - (before.cpu_usage?.total_usage ?? 0)
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0)
  // Without a sample before, or with one of an earlier run, it would be an average since whenever.
  if (!before.system_cpu_usage || passed <= 0 || used < 0) return null
  return round((used / passed) * coresOf(sample) * 100)
}

/** Older engines tell no number, and cgroup v2 no list. */
const coresOf = ({ cpu_stats: { online_cpus: online, cpu_usage: usage } = {} }: EngineStats): number =>
  online || usage?.percpu_usage?.length || 1

/** cgroup v1 has the tree's files under a name of their own; there `inactive_file` is the group's alone. */
function withoutCache(usage: number, { total_inactive_file, inactive_file }: Record<string, number> = {}) {
  const cache = total_inactive_file ?? inactive_file ?? 0
  return cache < usage ? usage - cache : usage
}

function sumBlocks({ blkio_stats: blocks }: EngineStats, initial: 'r' | 'w'): number {
  const entries = blocks?.io_service_bytes_recursive ?? []
  return sum(entries.filter(({ op }) => op[0]?.toLowerCase() === initial).map(({ value }) => value))
}

/** The kernel writes 2^63 or 2^64 - 1 where there is no limit. */
const toSafe = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isSafeInteger(value) ? value : undefined

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export const round = (value: number): number => Math.round(value * 100) / 100
