import { type DeployLog, GpulabError, type Hello, type Target, targetWaitSeconds } from '@gpulab/contract'
import type { HostPrincipal } from '../auth/authenticate.ts'
import { readEnv } from '../containers/present.ts'
import { wishOf } from '../containers/status.ts'
import { type ContainerRecord, listContainersOfHost } from '../containers/store.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { findHostByName, type HostRow, lockHost, storeGpus, upsertHost } from './store.ts'

/** The host of that name; it must have said hello. */
export async function getHostByName({ db }: Pick<Deps, 'db'>, name: string): Promise<HostRow> {
  const host = await findHostByName(db, name)
  if (!host) throw new GpulabError('hello_missing', { message: `Host ${name} has not said hello.` })
  return host
}

/** Makes this run of the agent the one that speaks for its host, and takes its inventory. */
export async function welcomeHost(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { hostName }: HostPrincipal,
  hello: Hello,
): Promise<{ host_uuid: string }> {
  return db.transaction(async (tx) => {
    const uuid = await upsertHost(tx, hostName, hello, clock.now())
    await storeGpus(tx, uuid, hello.gpus)
    return { host_uuid: uuid }
  })
}

/** The host's target as soon as it is newer than `after`, or the present one when the wait is over. */
export async function waitForTarget(
  deps: Pick<Deps, 'db' | 'signals' | 'config'>,
  { hostName }: HostPrincipal,
  after: number,
  signal: AbortSignal,
): Promise<Target> {
  const { uuid } = await getHostByName(deps, hostName)
  using listener = deps.signals.listen('gpulab_target', uuid)
  const host = await getHostByName(deps, hostName)
  if (host.targetVersion <= after) await listener.wait(targetWaitSeconds * 1000, signal)
  return readTarget(deps, hostName)
}

async function readTarget({ db, config }: Pick<Deps, 'db' | 'config'>, hostName: string): Promise<Target> {
  // One snapshot, or a version could be paired with containers of another.
  return db.transaction(
    async (tx) => {
      const host = await getHostByName({ db: tx }, hostName)
      const records = await listContainersOfHost(tx, host.uuid)
      return { version: host.targetVersion, containers: records.map((record) => toTarget(config, record)) }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}

function toTarget(config: Deps['config'], record: ContainerRecord): Target['containers'][number] {
  const { row, intent, facts, gpus } = record
  const wish = wishOf(intent, facts)
  // What never runs again needs no secrets on the host, and without its leases nothing may run.
  const mayRun = wish === 'running' && gpus.length === row.gpuCount
  return {
    uuid: row.uuid,
    generation: row.generation,
    desired: wish === 'running' && !mayRun ? 'stopped' : wish,
    start_after: row.startAfter,
    attempt: row.attempt,
    name: row.name,
    team_uuid: row.teamUuid,
    image: row.image,
    command: mayRun ? row.command : null,
    env: mayRun ? readEnv(config, record) : {},
    gpu_uuids: gpus.map(({ uuid }) => uuid),
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
  }
}

/** Keeps lines of the deployment log that belong to containers of this host; others are dropped. */
export async function storeDeployLog(
  { db }: Pick<Deps, 'db'>,
  { hostName }: HostPrincipal,
  { boot_id: bootId, lines }: DeployLog,
): Promise<void> {
  const { uuid } = await getHostByName({ db }, hostName)
  await db.transaction(async (tx) => {
    // Whoever writes events of a container holds its host: followers read by number, so numbers must commit in order.
    const host = await lockHost(tx, uuid)
    if (host?.bootId !== bootId) throw new GpulabError('boot_replaced')
    const own = new Set((await listContainersOfHost(tx, uuid)).map(({ row }) => row.uuid))
    await insertEvents(
      tx,
      lines
        .filter((line) => own.has(line.container_uuid))
        .map(({ seq, container_uuid: containerUuid, ts, line }) => ({
          containerUuid,
          at: new Date(ts),
          type: 'deploy_log' as const,
          message: line,
          source: `${bootId}:${seq}`,
        })),
    )
  })
}
