import type postgres from 'postgres'

/** What must be 0, and what must agree. */
export interface Audit {
  readonly doubleLeases: number
  readonly doubleUses: number
  /** Leases whose container may no longer run. */
  readonly strayLeases: number
  readonly wrongGpuCounts: number
  readonly wrongRequests: number
  readonly runningOnHosts: number
  readonly runningInDatabase: number
}

export async function auditDatabase(
  sql: postgres.Sql,
  { doubleUses, running }: { doubleUses: number; running: number },
): Promise<Audit> {
  const count = async (query: postgres.PendingQuery<{ count: number }[]>): Promise<number> =>
    (await query)[0]?.count ?? Number.NaN
  return {
    doubleUses,
    doubleLeases: await count(sql`
      select count(*)::int from (
        select gpu_uuid from gpu_leases where released_at is null group by gpu_uuid having count(*) > 1
      ) as doubled`),
    strayLeases: await count(sql`
      select count(*)::int from gpu_leases join containers on containers.uuid = container_uuid
      where released_at is null and (deleted_at is not null or gpu_leases.generation <> containers.generation)`),
    wrongGpuCounts: await count(sql`
      select count(*)::int from host_gpu_types
      full join (
        select host_uuid, name as gpu_type, count(*) as total, count(*) filter (where not exists (
          select from gpu_leases where gpu_leases.gpu_uuid = gpus.uuid and released_at is null
        )) as free
        from gpus where present group by 1, 2
      ) as counted using (host_uuid, gpu_type)
      where host_gpu_types.total is distinct from counted.total or host_gpu_types.free is distinct from counted.free`),
    wrongRequests: await count(sql`
      select count(*)::int from hosts
      left join (
        select host_uuid as uuid, sum(disk_bytes) as disk,
          sum(memory_bytes) filter (where holds) as memory, sum(cpus) filter (where holds) as cores
        from containers where deleted_at is null group by 1
      ) as counted using (uuid)
      where requested_memory_bytes <> coalesce(memory, 0) or requested_disk_bytes <> coalesce(disk, 0)
        or abs(requested_cpus - coalesce(cores, 0)) > 0.01`),
    runningOnHosts: running,
    runningInDatabase: await count(sql`
      select count(*)::int from container_facts join containers on containers.uuid = container_uuid
      where state = 'running' and deleted_at is null`),
  }
}
