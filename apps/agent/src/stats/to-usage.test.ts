import { describe, expect, it } from 'vitest'
import type { EngineStats } from '../docker/stats.ts'
import { toUsage, type Usage } from './to-usage.ts'

const second = 1e9
const mib = 2 ** 20

/** Engine 20.10 on cgroup v1: half of a core of four in the last second. */
const v1: EngineStats = {
  read: '2026-03-01T10:00:01.123456789Z',
  cpu_stats: {
    cpu_usage: { total_usage: 10.5 * second, percpu_usage: [1, 2, 3, 4] },
    system_cpu_usage: 404 * second,
    online_cpus: 4,
  },
  precpu_stats: { cpu_usage: { total_usage: 10 * second }, system_cpu_usage: 400 * second, online_cpus: 4 },
  memory_stats: {
    usage: 300 * mib,
    limit: 1024 * mib,
    stats: { total_inactive_file: 100 * mib, inactive_file: 1 },
  },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 200 }, eth1: { rx_bytes: 1, tx_bytes: 2 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'Read', value: 4096 },
      { op: 'Write', value: 8192 },
      { op: 'Sync', value: 12_288 },
      { op: 'Total', value: 12_288 },
      { op: 'Read', value: 1 },
    ],
  },
  pids_stats: { current: 7, limit: 512 },
}

/** The same on cgroup v2, as a newer engine tells it. */
const v2: EngineStats = {
  ...v1,
  cpu_stats: { cpu_usage: { total_usage: 10.5 * second }, system_cpu_usage: 404 * second, online_cpus: 4 },
  memory_stats: { usage: 300 * mib, limit: 1024 * mib, stats: { inactive_file: 100 * mib } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'read', value: 4097 },
      { op: 'write', value: 8192 },
    ],
  },
}

const expected: Usage = {
  at: '2026-03-01T10:00:01.123Z',
  cpu_percent: 50,
  cpu_cores: 4,
  memory_used_bytes: 200 * mib,
  memory_limit_bytes: 1024 * mib,
  network_rx_bytes: 1001,
  network_tx_bytes: 202,
  block_read_bytes: 4097,
  block_write_bytes: 8192,
  pids: 7,
  pids_limit: 512,
}

describe('toUsage', () => {
  it.each([
    ['cgroup v1', v1],
    ['cgroup v2', v2],
  ])('computes on %s what docker stats shows', (_version, sample) => {
    expect(toUsage(sample)).toEqual(expected)
  })

  it.each<[string, EngineStats, Partial<Usage>]>([
    [
      'has no figure for the CPU in the first sample',
      { precpu_stats: { cpu_usage: { total_usage: 0 } } },
      { cpu_percent: null },
    ],
    [
      'has none where the engine leaves it out',
      { cpu_stats: {}, precpu_stats: {} },
      { cpu_percent: null, cpu_cores: 1 },
    ],
    [
      'has none where the counter began anew',
      { precpu_stats: { cpu_usage: { total_usage: 99 * second }, system_cpu_usage: 400 * second } },
      { cpu_percent: null },
    ],
    [
      'has none where no time has passed',
      { precpu_stats: { cpu_usage: { total_usage: 0 }, system_cpu_usage: 404 * second } },
      { cpu_percent: null },
    ],
    [
      'is idle where nothing was used',
      { precpu_stats: { cpu_usage: { total_usage: 10.5 * second }, system_cpu_usage: 400 * second } },
      { cpu_percent: 0 },
    ],
    [
      'counts the cores where an old engine tells no number',
      { cpu_stats: { ...v1.cpu_stats, online_cpus: 0 } },
      { cpu_cores: 4, cpu_percent: 50 },
    ],
    [
      'takes no cache that is more than all',
      { memory_stats: { usage: 5, limit: 10, stats: { inactive_file: 6 } } },
      { memory_used_bytes: 5, memory_limit_bytes: 10 },
    ],
    [
      'takes memory as it is where the kernel tells no more',
      { memory_stats: { usage: 5, limit: 10 } },
      { memory_used_bytes: 5, memory_limit_bytes: 10 },
    ],
    ['has no network without one', { networks: null }, { network_rx_bytes: 0, network_tx_bytes: 0 }],
    [
      'has no block IO where the kernel counts none',
      { blkio_stats: { io_service_bytes_recursive: null } },
      { block_read_bytes: 0, block_write_bytes: 0 },
    ],
    [
      'takes 2^64 - 1 for no limit',
      { pids_stats: { current: 1, limit: 2 ** 64 } },
      { pids: 1, pids_limit: null },
    ],
    ['takes 0 for no limit', { pids_stats: { current: 1, limit: 0 } }, { pids: 1, pids_limit: null }],
    ['takes no word for no limit', { pids_stats: {} }, { pids: 0, pids_limit: null }],
  ])('%s', (_what, changes, difference) => {
    expect(toUsage({ ...v1, ...changes })).toEqual({ ...expected, ...difference })
  })

  it.each<[string, EngineStats]>([
    ['one in the year 1', { ...v1, read: '0001-01-01T00:00:00Z' }],
    ['one without memory', { ...v1, memory_stats: {} }],
    ['an empty one', {}],
  ])('takes %s for a container that does not run', (_what, sample) => {
    expect(toUsage(sample)).toBeUndefined()
  })
})
