import { sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'

/** What the whole fleet looks like, whichever replica is asked. */
export interface Fleet {
  readonly containers: Readonly<Record<string, number>>
  readonly hosts: Readonly<Record<string, number>>
  readonly gpus: readonly { readonly type: string; readonly total: number; readonly free: number }[]
  readonly leases: number
  readonly queued: number
  readonly queuedSeconds: number
  /** Connections of all replicas to the database, by what they do. */
  readonly connections: Readonly<Record<string, number>>
}

type FleetRow = { readonly [K in keyof Fleet]: Fleet[K] | null } & Record<string, unknown>

/** One round trip. `seenAfter` is when a host must have been heard of to count as reachable. */
export async function readFleet(
  db: Queries,
  { now, seenAfter }: { now: Date; seenAfter: Date },
): Promise<Fleet> {
  const at = now.toISOString()
  const [row] = await db.execute<FleetRow>(sql`
    select
      (select json_object_agg(status, number) from (
        select announced_status as status, count(*)::int as number from containers
        where deleted_at is null group by 1
      ) as counted) as containers,
      (select json_object_agg(state, number) from (
        select case
          when state = 'fenced' then 'fenced'
          when last_seen_at is null then 'joined'
          when last_seen_at <= ${seenAfter.toISOString()}::timestamptz then 'unreachable'
          when state = 'active' and not engine_available then 'engine_down'
          else state end as state, count(*)::int as number
        from hosts where removed_at is null group by 1
      ) as counted) as hosts,
      (select json_agg(json_build_object('type', gpu_type, 'total', total, 'free', free)) from (
        select gpu_type, sum(total)::int as total, sum(host_gpu_types.free)::int as free
        from host_gpu_types join hosts on hosts.uuid = host_uuid where removed_at is null group by 1
      ) as counted) as gpus,
      (select count(*)::int from gpu_leases where released_at is null) as leases,
      (select count(*)::int from containers where queued_at is not null and deleted_at is null) as queued,
      (select coalesce(extract(epoch from ${at}::timestamptz - min(queued_at)), 0)::float from containers
        where queued_at is not null and deleted_at is null) as "queuedSeconds",
      (select json_object_agg(state, number) from (
        select coalesce(state, 'unknown') as state, count(*)::int as number from pg_stat_activity
        where datname = current_database() and application_name = 'gpulab-api' group by 1
      ) as counted) as connections
  `)
  return {
    containers: row?.containers ?? {},
    hosts: row?.hosts ?? {},
    gpus: row?.gpus ?? [],
    leases: row?.leases ?? 0,
    queued: row?.queued ?? 0,
    queuedSeconds: Math.max(0, row?.queuedSeconds ?? 0),
    connections: row?.connections ?? {},
  }
}
