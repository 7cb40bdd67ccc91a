import { type Container, toExitSignal } from '@gpulab/contract'
import { ownerOf } from './deadline.ts'
import { toTimestamp } from './exit-reason.ts'
import { nextStepOf, stepContextOf } from './next-step.ts'
import { toPortModes } from './port-modes.ts'
import { reasonInLine } from './queue.ts'
import { restartsOf, statusOf, type StatusView } from './status.ts'
import type { ContainerRecord } from './store.ts'

/** A host that has been silent for longer counts as unreachable: four missed heartbeats. */
export const hostSilenceMs = 45_000

export interface ViewOptions {
  readonly now: Date
  readonly proxyUrl: URL | undefined
  /** As it shall be shown: masked or not. */
  readonly env: Record<string, string>
}

/** One that has joined and not yet spoken counts as silent. */
export const isSilent = (lastSeenAt: Date | null, now: Date): boolean =>
  lastSeenAt === null || now.getTime() - lastSeenAt.getTime() > hostSilenceMs

/** The status as users see it: what intent and facts say, unless the host is silent. */
export function shownStatus({ intent, facts, host }: ContainerRecord, now: Date): StatusView {
  const known = statusOf(intent, facts)
  const isLasting = known.status === 'stopped' || known.status === 'failed' || known.status === 'queued'
  if (!host || isLasting || !isSilent(host.lastSeenAt, now)) return known
  const since = host.lastSeenAt?.toISOString() ?? 'it joined'
  return {
    status: known.status === 'deleting' ? 'deleting' : 'unreachable',
    reason: {
      code: 'host_unreachable',
      message: `Host ${host.name} has not been heard of since ${since}; it was ${known.status} then.`,
    },
  }
}

export function toContainer(record: ContainerRecord, { now, proxyUrl, env }: ViewOptions): Container {
  const { status, reason } = shownStatus(record, now)
  const { row, facts, gpus, volumes, host, simulated, position } = record
  const startedAt = toTimestamp(facts?.startedAt)
  const uptime = status === 'running' && startedAt !== null ? secondsBetween(startedAt, now) : null
  const exitCode = facts?.state === 'exited' ? facts.exitCode : null
  return {
    uuid: row.uuid,
    name: row.name,
    status,
    status_reason: reason,
    since: row.announcedAt.toISOString(),
    deadline: row.deadlineAt?.toISOString() ?? null,
    owner: ownerOf(status, reason),
    next_step: nextStepOf(status, reason, stepContextOf(record)),
    queue: position === undefined ? null : { position, reason: reasonInLine(position, row) },
    type: row.gpuCount > 0 ? 'gpu' : 'cpu',
    gpu_type: row.gpuType ?? row.gpuTypes[0] ?? null,
    gpu_types: row.gpuTypes,
    gpu_count: row.gpuCount,
    gpus: gpus.map((gpu) => ({
      uuid: gpu.uuid,
      name: gpu.name,
      memory_bytes: gpu.memoryBytes,
      simulated: gpu.simulated,
    })),
    simulated,
    template: row.template,
    image: row.image,
    stand_in_for: row.standInFor,
    command: row.command,
    env,
    ports: Object.fromEntries(row.ports.map((port) => [port, urlOfPort(proxyUrl, row.uuid, port)])),
    port_modes: toPortModes(row),
    volumes: volumes.map(({ uuid, name, mountPath, readOnly }) => ({
      uuid,
      name,
      mount_path: mountPath,
      read_only: readOnly,
    })),
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
    disk_bytes: row.diskBytes,
    restart: row.restart,
    restarts: restartsOf(record.intent, facts),
    host: host?.name ?? null,
    generation: row.generation,
    created_at: row.createdAt.toISOString(),
    started_at: startedAt,
    finished_at: toTimestamp(facts?.finishedAt),
    uptime,
    exit_code: exitCode,
    exit_signal: toExitSignal(exitCode),
    oom_killed: facts?.oomKilled ?? false,
    last_exit: facts?.lastExit ?? null,
  }
}

export function urlOfPort(proxyUrl: URL | undefined, uuid: string, port: number): string | null {
  if (!proxyUrl) return null
  return `${proxyUrl.protocol}//${uuid}-${port}.${proxyUrl.host}`
}

export const urlOfTerminal = (proxyUrl: URL | undefined, uuid: string): string | null =>
  proxyUrl ? `${proxyUrl.protocol}//${uuid}-terminal.${proxyUrl.host}` : null

const secondsBetween = (from: string, to: Date): number =>
  Math.max(0, Math.floor((to.getTime() - Date.parse(from)) / 1000))
