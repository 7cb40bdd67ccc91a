import {
  type control,
  type DeployLog,
  GpulabError,
  type HandlerResult,
  type Hello,
  type Target,
  targetWaitSeconds,
} from '@gpulab/contract'
import { type HostPrincipal, sessionInvalid } from '../auth/authenticate.ts'
import { restartsOf, wishOf } from '../containers/status.ts'
import { type ContainerRecord, listContainersOfHost, readEnvironments } from '../containers/store.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { decrypt } from '../secrets/encryption.ts'
import { bootReplaced } from './apply-report.ts'
import { lockForCards, takeCards } from './cards.ts'
import { isReplaced } from './is-replaced.ts'
import { toRemovals } from './removals.ts'
import { findTargetHead, listLeftBehind, lockHost, signalCapacity, storeHello } from './store.ts'

/** Makes this run of the agent the one that speaks for its host, and takes its inventory. */
export async function welcomeHost(
  { db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>,
  { hostUuid, hostName, publicKey, sessionNumber }: HostPrincipal,
  hello: Hello,
): Promise<HandlerResult<typeof control.report.hello>> {
  const now = clock.now()
  const ignored = await db.transaction(async (tx) => {
    const { host, losing } = await lockForCards(tx, hostUuid, hello.gpus, now)
    // It may have been removed, or given to another machine, since the session was looked at.
    if (!host?.publicKey.equals(publicKey) || host.removedAt !== null) throw sessionInvalid()
    // A hello that was under way while its agent died and the next one began.
    if (isReplaced(host, hello, sessionNumber)) throw bootReplaced(hostName)
    await storeHello(tx, hostUuid, { ...hello, sessionNumber }, now)
    const left = await takeCards(tx, hostUuid, hello.gpus, losing, now)
    await signalCapacity(tx)
    return left
  })
  if (ignored.length > 0) log.warn({ host: hostName, gpus: ignored }, 'host lists GPUs that another one has')
  return { host_uuid: hostUuid, ignored_gpus: ignored }
}

/** The host's target as soon as it is newer than `after`, or the present one when the wait is over. */
export async function waitForTarget(
  deps: Pick<Deps, 'db' | 'signals' | 'config'>,
  principal: HostPrincipal,
  after: number,
  signal: AbortSignal,
): Promise<Target> {
  using listener = deps.signals.listen('gpulab_target', principal.hostUuid)
  const head = await findTargetHead(deps.db, principal)
  if (head && head.version <= after) await listener.wait(targetWaitSeconds * 1000, signal)
  return readTarget(deps, principal)
}

async function readTarget(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  principal: HostPrincipal,
): Promise<Target> {
  // One snapshot, or a version could be paired with containers of another.
  return db.transaction(
    async (tx) => {
      const { hostUuid } = principal
      const [head, records] = await Promise.all([
        findTargetHead(tx, principal),
        listContainersOfHost(tx, hostUuid),
      ])
      if (!head) throw sessionInvalid()
      const { version, foreign } = head
      const unmade = records.filter((record) => mayRun(record) && !wasRun(record)).map(({ row }) => row.uuid)
      const environments = await readEnvironments(tx, unmade)
      const leftBehind = await listLeftBehind(
        tx,
        hostUuid,
        foreign.map(({ uuid }) => uuid),
      )
      const containers = [
        ...records.map((record) => toTarget(config, record, environments.get(record.row.uuid))),
        ...toRemovals(foreign, leftBehind),
      ]
      return { version, containers }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}

/** What never runs again needs no secrets on the host, and without its leases nothing may run. */
const mayRun = ({ row, intent, facts, gpus }: ContainerRecord): boolean =>
  wishOf(intent, facts) === 'running' && row.holds && gpus.length === row.gpuCount

/** Its container has what it needs, and is never made anew: the target stays small, and secrets travel once. */
const wasRun = ({ row, facts }: ContainerRecord): boolean =>
  facts?.generation === row.generation && (facts.state === 'running' || facts.state === 'exited')

function toTarget(
  { encryptionKey }: Deps['config'],
  record: ContainerRecord,
  env: Buffer | undefined,
): Target['containers'][number] {
  const { row, intent, facts, gpus } = record
  const wish = wishOf(intent, facts)
  return {
    uuid: row.uuid,
    generation: row.generation,
    base_generation: row.baseGeneration,
    desired: wish === 'running' && !mayRun(record) ? 'stopped' : wish,
    start_after: row.startAfter,
    attempt: row.attempt,
    restart: row.restart,
    restarts: restartsOf(intent, facts),
    has_run: facts?.generation === row.generation && facts.startedAt !== null,
    name: row.name,
    team_uuid: row.teamUuid,
    image: row.image,
    command: env === undefined ? null : row.command,
    env: env ? (JSON.parse(decrypt(encryptionKey, env, row.uuid)) as Record<string, string>) : {},
    gpu_uuids: gpus.map(({ uuid }) => uuid),
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
  }
}

/** Keeps lines of the deployment log that belong to containers of this host; others are dropped. */
export async function storeDeployLog(
  { db }: Pick<Deps, 'db'>,
  { hostUuid }: HostPrincipal,
  { boot_id: bootId, lines }: DeployLog,
): Promise<void> {
  await db.transaction(async (tx) => {
    // Whoever writes events of a container holds its host: followers read by number, so numbers must commit in order.
    const host = await lockHost(tx, hostUuid)
    if (host?.bootId !== bootId) throw new GpulabError('boot_replaced')
    const teams = new Map(
      (await listContainersOfHost(tx, hostUuid)).map(({ row }) => [row.uuid, row.teamUuid] as const),
    )
    await insertEvents(
      tx,
      lines.flatMap(({ seq, container_uuid: containerUuid, ts, line }) => {
        const teamUuid = teams.get(containerUuid)
        if (teamUuid === undefined) return []
        const source = `${bootId}:${seq}`
        return [
          { containerUuid, teamUuid, at: new Date(ts), type: 'deploy_log' as const, message: line, source },
        ]
      }),
    )
  })
}
