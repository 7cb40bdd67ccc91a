import { callEngineJson } from '@gpulab/images'
import type { Sql } from 'postgres'
import type { EngineContainer, Host, Observation, OpenLease, Row } from './checkers.ts'
import type { ApiClient } from './client.ts'

interface Listed {
  Id: string
}

interface Inspected {
  Id: string
  Config: { Labels: Record<string, string> }
  HostConfig: { DeviceRequests: { DeviceIDs: string[] | null }[] | null }
  State: { Status: string; Pid: number; StartedAt: string }
}

const ourLabel = encodeURIComponent(JSON.stringify({ label: ['ai.gpulab.container'] }))
const engineMs = 5000

/** All containers of the engine with our label, whatever their state. */
export async function listEngine(dockerHost: string): Promise<EngineContainer[]> {
  const listed = await callEngineJson<Listed[]>(dockerHost, `/containers/json?all=1&filters=${ourLabel}`, {
    idleMs: engineMs,
  })
  const found = await Promise.all(listed.map(({ Id }) => findContainer(dockerHost, Id)))
  return found.filter((container) => container !== undefined)
}

/** Undefined for one that went away since it was listed. */
async function findContainer(dockerHost: string, id: string): Promise<EngineContainer | undefined> {
  const info = await callEngineJson<Inspected>(dockerHost, `/containers/${id}/json`, {
    idleMs: engineMs,
  }).catch((error: Error) => {
    if (/no such container/i.test(error.message)) return undefined
    throw error
  })
  return info && toEngineContainer(info)
}

const toEngineContainer = ({ Id, Config, HostConfig, State }: Inspected): EngineContainer => ({
  id: Id,
  uuid: Config.Labels['ai.gpulab.container'] ?? '',
  generation: Number(Config.Labels['ai.gpulab.generation']),
  state: toState(State.Status),
  gpuUuids: (HostConfig.DeviceRequests ?? []).flatMap(({ DeviceIDs }) => DeviceIDs ?? []),
  pid: State.Pid,
  startedAt: State.StartedAt,
})

function toState(status: string): EngineContainer['state'] {
  if (status === 'created') return 'created'
  return ['running', 'paused', 'restarting'].includes(status) ? 'running' : 'exited'
}

/** What the engine, the database and the API say at about the same moment. */
export async function observe({
  dockerHost,
  sql,
  client,
}: {
  dockerHost: string
  sql: Sql
  client: ApiClient
}): Promise<Observation> {
  const [engine, rows, leases, hosts] = await Promise.all([
    listEngine(dockerHost),
    listRows(sql, client),
    listOpenLeases(sql),
    listHosts(sql),
  ])
  return { engine, rows, leases, hosts, now: new Date() }
}

/** Which rows there are says the database; how they look to their users says the API. */
async function listRows(sql: Sql, client: ApiClient): Promise<Row[]> {
  const { items } = await client.containers.list({ query: { limit: 200 } })
  const shown = new Map(items.map((item) => [item.uuid, item]))
  const rows = await sql<{ uuid: string; name: string; generation: number }[]>`
    select uuid, name, generation from containers where deleted_at is null`
  return rows.map((row) => {
    const { status = 'hidden', status_reason, deadline = null } = shown.get(row.uuid) ?? {}
    const reason = status_reason?.message ?? null
    return { ...row, status, reason, deadline: deadline === null ? null : new Date(deadline) }
  })
}

const listOpenLeases = (sql: Sql): Promise<OpenLease[]> =>
  sql<OpenLease[]>`
    select gpu_uuid as "gpuUuid", container_uuid as "containerUuid", generation
    from gpu_leases where released_at is null`.then((rows) => [...rows])

/** Those that have ever reported; one that has only joined has nothing to be well. */
const listHosts = (sql: Sql): Promise<Host[]> =>
  sql<Host[]>`
    select name, engine_available as "isEngineAvailable",
      reported_version >= target_version and not exists (
        select from containers join container_facts on container_uuid = uuid
        where host_uuid = hosts.uuid and deleted_at is null and busy
      ) as "isCaughtUp"
    from hosts where last_seq > 0`.then((rows) => [...rows])
