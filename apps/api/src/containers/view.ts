import type { Container } from '@gpulab/contract'
import { statusOf, type StatusView } from './status.ts'
import type { ContainerRecord } from './store.ts'

/** A host that has been silent for longer counts as unreachable: four missed heartbeats. */
export const hostSilenceMs = 45_000

export interface ViewOptions {
  readonly now: Date
  readonly proxyUrl: URL | undefined
  /** As it shall be shown: masked or not. */
  readonly env: Record<string, string>
}

export const isSilent = (lastSeenAt: Date, now: Date): boolean =>
  now.getTime() - lastSeenAt.getTime() > hostSilenceMs

/** The status as users see it: what intent and facts say, unless the host is silent. */
export function shownStatus(record: ContainerRecord, now: Date): StatusView {
  const known = statusOf(record.intent, record.facts)
  const { name, lastSeenAt } = record.host
  if (!isSilent(lastSeenAt, now) || known.status === 'stopped' || known.status === 'failed') return known
  const message = `Host ${name} has not been heard of since ${lastSeenAt.toISOString()}; it was ${known.status} then.`
  return {
    status: known.status === 'deleting' ? 'deleting' : 'unreachable',
    reason: { code: 'host_unreachable', message },
  }
}

export function toContainer(record: ContainerRecord, { now, proxyUrl, env }: ViewOptions): Container {
  const { status, reason } = shownStatus(record, now)
  const { row, facts, gpus, host, simulated } = record
  const startedAt = facts?.startedAt == null ? null : toTimestamp(facts.startedAt)
  const uptime = status === 'running' && startedAt !== null ? secondsBetween(startedAt, now) : null
  return {
    uuid: row.uuid,
    name: row.name,
    status,
    status_reason: reason,
    since: row.announcedAt.toISOString(),
    type: row.gpuCount > 0 ? 'gpu' : 'cpu',
    gpu_type: row.gpuType,
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
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
    host: host.name,
    generation: row.generation,
    created_at: row.createdAt.toISOString(),
    started_at: startedAt,
    finished_at: facts?.finishedAt == null ? null : toTimestamp(facts.finishedAt),
    uptime,
    exit_code: facts?.state === 'exited' ? facts.exitCode : null,
    oom_killed: facts?.oomKilled ?? false,
  }
}

function urlOfPort(proxyUrl: URL | undefined, uuid: string, port: number): string | null {
  if (!proxyUrl) return null
  return `${proxyUrl.protocol}//${uuid}-${port}.${proxyUrl.host}`
}

/** The engine's times have nanoseconds. */
const toTimestamp = (engineTime: string): string => new Date(engineTime).toISOString()

const secondsBetween = (from: string, to: Date): number =>
  Math.max(0, Math.floor((to.getTime() - Date.parse(from)) / 1000))
