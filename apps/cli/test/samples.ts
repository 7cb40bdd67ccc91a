import type {
  Container,
  ContainerStats,
  ExecResult,
  GpuType,
  Host,
  HostSummary,
  Template,
  Volume,
} from '@gpulab/contract'

export const uuidOf = (start: string): string =>
  `${start}${'00000000-0000-4000-8000-000000000000'.slice(start.length)}`

export const sampleContainer = (overrides: Partial<Container> = {}): Container => ({
  uuid: uuidOf('3f2a9c1e'),
  name: 'my-training-job',
  status: 'running',
  status_reason: null,
  since: '2026-03-01T10:00:05.000Z',
  deadline: null,
  owner: null,
  next_step: null,
  queue: null,
  type: 'gpu',
  gpu_type: 'NVIDIA GeForce RTX 4090',
  gpu_types: ['NVIDIA GeForce RTX 4090'],
  gpu_count: 1,
  gpus: [{ uuid: 'GPU-1', name: 'NVIDIA GeForce RTX 4090', memory_bytes: 24 * 2 ** 30, simulated: false }],
  simulated: false,
  template: 'pytorch-2.1',
  image: 'pytorch/pytorch:2.1.0-cuda',
  stand_in_for: null,
  command: null,
  env: { BATCH_SIZE: '***' },
  ports: { 8080: 'https://3f2a9c1e-8080.proxy.example', 8888: 'https://3f2a9c1e-8888.proxy.example' },
  port_modes: {},
  volumes: [],
  memory_bytes: 32 * 2 ** 30,
  cpus: 12,
  disk_bytes: 0,
  restart: { policy: 'no', max_retries: null },
  restarts: 0,
  host: 'host-1',
  generation: 1,
  created_at: '2026-03-01T10:00:00.000Z',
  started_at: '2026-03-01T10:00:05.000Z',
  finished_at: null,
  uptime: 8130,
  exit_code: null,
  exit_signal: null,
  oom_killed: false,
  last_exit: null,
  ...overrides,
})

export const sampleVolume = (overrides: Partial<Volume> = {}): Volume => ({
  uuid: uuidOf('5555aaaa'),
  name: 'my-workspace',
  status: 'available',
  status_reason: null,
  driver: 'local',
  size_bytes: 100 * 2 ** 30,
  used_bytes: Math.round(45.2 * 2 ** 30),
  enforced: true,
  shared: false,
  host: 'gpu-1',
  containers: [
    { uuid: uuidOf('3f2a9c1e'), name: 'my-training-job', mount_path: '/workspace', read_only: false },
  ],
  created_at: '2026-03-01T10:00:00.000Z',
  ...overrides,
})

const card = { name: 'NVIDIA GeForce RTX 4090', memory_bytes: 24 * 2 ** 30, simulated: true, present: true }

export const sampleHost = (overrides: Partial<Host> = {}): Host => ({
  uuid: uuidOf('8c1d2e00'),
  name: 'gpu-1',
  state: 'active',
  state_reason: null,
  since: '2026-03-01T09:00:00.000Z',
  last_seen_at: new Date().toISOString(),
  agent_version: '1.0.0',
  engine: { available: true, version: '28.0.1', message: null },
  cpus: 64,
  cpus_requested: 12,
  memory_bytes: 256 * 2 ** 30,
  memory_requested_bytes: 32 * 2 ** 30,
  disk_bytes: 2 ** 40,
  disk_requested_bytes: 0,
  gpus: [
    { ...card, uuid: 'GPU-1', index: 0, container: uuidOf('3f2a9c1e') },
    { ...card, uuid: 'GPU-2', index: 1, container: null, present: false },
  ],
  containers: [
    {
      uuid: uuidOf('3f2a9c1e'),
      name: 'my-training-job',
      team: 'MyTeam',
      status: 'running',
      gpus: 1,
      at_rest: false,
    },
  ],
  checks: [
    { name: 'live-restore', level: 'ok', message: 'It is on.' },
    { name: 'disk', level: 'warning', message: 'Only 3 GB are free.' },
  ],
  foreign_containers: [{ uuid: uuidOf('66666666'), state: 'running' }],
  ...overrides,
})

/** As the list shows it. */
export function summaryOf(host: Host): HostSummary {
  const { gpus, containers, checks, foreign_containers: _, ...rest } = host
  return {
    ...rest,
    gpus_total: gpus.length,
    gpus_free: gpus.filter(({ container, present }) => container === null && present).length,
    gpu_types: [...new Set(gpus.map(({ name }) => name))],
    gpu_counts: Object.fromEntries(
      [...Map.groupBy(gpus, ({ name }) => name)].map(([name, cards]) => [name, cards.length]),
    ),
    simulated: gpus.some(({ simulated }) => simulated),
    containers_count: containers.length,
    problems: checks.filter(({ level }) => level !== 'ok').length,
  }
}

export const sampleTemplates: Template[] = [
  ['pytorch-2.1', 'gpu', 'pytorch/pytorch:2.1.0-cuda', [8888], 32],
  ['tensorflow-2.15', 'gpu', 'tensorflow/tensorflow:2.15', [8888, 6006], 32],
  ['ubuntu-22.04', 'cpu', 'ubuntu:22.04', [], 4],
  ['ubuntu-24.04', 'cpu', 'ubuntu:24.04', [], 4],
].map(([name, type, image, ports, memory], index) => ({
  uuid: uuidOf(`1000000${index}`),
  name: name as string,
  type: type as 'gpu' | 'cpu',
  image: image as string,
  shared: true,
  stand_in_for: null,
  env: {},
  disk_bytes: 0,
  volumes: [],
  min_gpu_memory_bytes: null,
  ports: ports as number[],
  memory_bytes: (memory as number) * 2 ** 30,
  command: null,
}))

export const sampleGpuTypes: GpuType[] = [
  { name: 'NVIDIA GeForce RTX 3090', memory: 24, available: 8, price: '0.99' },
  { name: 'NVIDIA GeForce RTX 4090', memory: 24, available: 12, price: '1.49' },
  { name: 'NVIDIA A100', memory: 40, available: 4, price: '2.49' },
].map(({ name, memory, available, price }) => ({
  name,
  memory_bytes: memory * 2 ** 30,
  available,
  total: 2 * available,
  simulated: false,
  price_per_hour: price,
  currency: 'USD',
}))

export const sampleExecResult = (overrides: Partial<ExecResult> = {}): ExecResult => ({
  id: uuidOf('e0000000'),
  stdout: '',
  stderr: '',
  exit_code: 0,
  signal: null,
  timed_out: false,
  stdout_truncated: false,
  stderr_truncated: false,
  stdout_encoding: 'utf-8',
  stderr_encoding: 'utf-8',
  duration_ms: 3,
  origin: 'command',
  ...overrides,
})

/** That of the plan's picture. */
export const sampleStats = (overrides: Partial<ContainerStats> = {}): ContainerStats => ({
  uuid: uuidOf('3f2a9c1e'),
  at: '2026-03-01T10:00:10.000Z',
  cpu_percent: 542.4,
  cpu_cores: 12,
  memory_used_bytes: 18.5 * 2 ** 30,
  memory_limit_bytes: 32 * 2 ** 30,
  network_rx_bytes: Math.round(1.2 * 2 ** 30),
  network_tx_bytes: 345 * 2 ** 20,
  block_read_bytes: Math.round(5.1 * 2 ** 30),
  block_write_bytes: Math.round(2.3 * 2 ** 30),
  pids: 42,
  pids_limit: 512,
  gpus: [sampleGpuStats()],
  ...overrides,
})

export const sampleGpuStats = (
  overrides: Partial<ContainerStats['gpus'][number]> = {},
): ContainerStats['gpus'][number] => ({
  uuid: 'GPU-1',
  name: 'NVIDIA GeForce RTX 4090',
  simulated: false,
  memory_used_bytes: Math.round(20.1 * 2 ** 30),
  memory_total_bytes: 24 * 2 ** 30,
  utilization_percent: 87,
  temperature_celsius: 72,
  power_watts: 310.52,
  power_limit_watts: 450,
  problem: null,
  ...overrides,
})
