import {
  type control,
  type DeployLog,
  GpulabError,
  type HandlerResult,
  type Hello,
  type Target,
  type TargetAnswer,
  targetWaitSeconds,
} from '@gpulab/contract'
import { type HostPrincipal, sessionInvalid } from '../auth/authenticate.ts'
import { restartsOf, wishOf } from '../containers/status.ts'
import {
  type ContainerRecord,
  type ContainerSecrets,
  listContainersOfHost,
  readSecrets,
} from '../containers/store.ts'
import type { Queries } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { decrypt } from '../secrets/encryption.ts'
import { bootReplaced } from './apply-report.ts'
import { lockForCards, takeCards } from './cards.ts'
import { chooseLogin } from '../registries/service.ts'
import { listTargetVolumes } from '../volumes/service.ts'
import { isReplaced } from './is-replaced.ts'
import { toRemovals } from './removals.ts'
import {
  findTargetHead,
  listLeftBehind,
  lockHost,
  signalCapacity,
  storeHello,
  type TargetHead,
} from './store.ts'

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

/** The host's target as soon as it is newer than `after`; when the wait is over, that it is as it was. */
export async function waitForTarget(
  { db, signals, config }: Pick<Deps, 'db' | 'signals' | 'config'>,
  principal: HostPrincipal,
  after: number,
  signal: AbortSignal,
): Promise<TargetAnswer> {
  using listener = signals.listen('gpulab_target', principal.hostUuid)
  const known = await getTargetHead(db, principal)
  if (known.version <= after) await listener.wait(targetWaitSeconds * 1000, signal)
  const head = known.version <= after ? await getTargetHead(db, principal) : known
  if (head.version === after) return { version: after, containers: null, volumes: [] }
  if (head.foreign.length === 0) return readTarget({ db, config }, principal, head)
  // In one snapshot, or one that moves here meanwhile could be both wanted and left behind.
  return db.transaction(
    async (tx) => readTarget({ db: tx, config }, principal, await getTargetHead(tx, principal)),
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}

async function getTargetHead(db: Queries, principal: HostPrincipal): Promise<TargetHead> {
  const head = await findTargetHead(db, principal)
  if (!head) throw sessionInvalid()
  return head
}

/**
 * The containers as they are by now. The version was read before them: told with an older one they prove less than
 * they might, while with a newer one the absence of what came between would be taken for its end.
 */
async function readTarget(
  { db, config }: { db: Queries; config: Deps['config'] },
  { hostUuid }: HostPrincipal,
  { version, foreign }: TargetHead,
): Promise<Target> {
  const records = await listContainersOfHost(db, hostUuid)
  const unmade = records.filter((record) => mayRun(record) && !wasRun(record)).map(({ row }) => row.uuid)
  const secrets = await readSecrets(db, unmade)
  const leftBehind = await listLeftBehind(
    db,
    hostUuid,
    foreign.map(({ uuid }) => uuid),
  )
  const containers = [
    ...records.map((record) => toTarget(config, record, secrets.get(record.row.uuid))),
    ...toRemovals(foreign, leftBehind),
  ]
  return { version, containers, volumes: await listTargetVolumes(db, hostUuid) }
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
  secrets: ContainerSecrets | undefined,
): Target['containers'][number] {
  const { row, intent, facts, gpus, volumes } = record
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
    registry_login: chooseLogin(encryptionKey, row.image, secrets?.logins ?? []),
    command: secrets ? row.command : null,
    env: secrets ? (JSON.parse(decrypt(encryptionKey, secrets.env, row.uuid)) as Record<string, string>) : {},
    gpu_uuids: gpus.map(({ uuid }) => uuid),
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
    volumes: volumes.map(({ uuid, mountPath, readOnly }) => ({
      uuid,
      mount_path: mountPath,
      read_only: readOnly,
    })),
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
