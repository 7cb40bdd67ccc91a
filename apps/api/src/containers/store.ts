import {
  and,
  asc,
  desc,
  eq,
  getColumns,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  or,
  sql,
} from 'drizzle-orm'
import type { Position } from '../db/page.ts'
import type { Queries, Transaction } from '../db/connect.ts'
import { prepareOnce } from '../db/prepare-once.ts'
import { containerFacts, containers, hosts, registryLogins, teams } from '../db/schema/index.ts'
import { toJsonRows } from '../db/to-json-rows.ts'
import type { RegistryLoginRow } from '../registries/store.ts'
import type { Facts, Intent } from './status.ts'

// The environment is large and secret: it is read where it is shown or sent.
const { env: _env, ...columns } = getColumns(containers)

export type ContainerRow = Omit<typeof containers.$inferSelect, 'env'>
export type NewContainer = typeof containers.$inferInsert
export type FactsRow = typeof containerFacts.$inferSelect
export interface LeasedGpu {
  readonly uuid: string
  readonly name: string
  readonly memoryBytes: number
  readonly simulated: boolean
}

export interface MountedVolume {
  readonly uuid: string
  readonly name: string
  readonly mountPath: string
  readonly readOnly: boolean
}

/** A container with all that its status and its picture depend on. */
export interface ContainerRecord {
  readonly row: ContainerRow
  readonly intent: Intent
  readonly facts: (Facts & Pick<FactsRow, 'finishedAt' | 'lastExit'>) | undefined
  /** Undefined while it waits in line. */
  readonly host: HostOfContainer | undefined
  /** Held now. */
  readonly gpus: readonly LeasedGpu[]
  readonly volumes: readonly MountedVolume[]
  /** Whether the cards of its types are simulated. */
  readonly simulated: boolean
  /** Place in line, from 1; undefined unless it is queued. */
  readonly position: number | undefined
  /** The encrypted environment, where it was read with the rest. */
  readonly env: Buffer | undefined
}

export interface HostOfContainer {
  readonly uuid: string
  readonly name: string
  readonly state: (typeof hosts.$inferSelect)['state']
  readonly lastSeenAt: Date | null
  readonly deployTimeoutS: number
  readonly reportedVersion: number
}

const leasedGpus = sql<LeasedGpu[] | null>`case when containers.holds and containers.gpu_count > 0 then (
  select json_agg(
    json_build_object(
      'uuid', gpus.uuid, 'name', gpus.name, 'memoryBytes', gpus.memory_bytes, 'simulated', gpus.simulated
    ) order by gpus.index
  )
  from gpu_leases join gpus on gpus.uuid = gpu_leases.gpu_uuid
  where gpu_leases.container_uuid = containers.uuid and gpu_leases.released_at is null
) end`

const mountedVolumes = sql<MountedVolume[] | null>`case when cardinality(containers.volume_drivers) > 0 then (
  select json_agg(
    json_build_object(
      'uuid', volumes.uuid, 'name', volumes.name, 'mountPath', container_volumes.mount_path,
      'readOnly', container_volumes.read_only
    ) order by container_volumes.position
  )
  from container_volumes join volumes on volumes.uuid = container_volumes.volume_uuid
  where container_volumes.container_uuid = containers.uuid
) end`

// In branches: with one "or" of both, all cards of the fleet would be read for each container.
const simulated = sql<boolean>`case
  when cardinality(containers.gpu_types) = 0 then false
  when containers.host_uuid is null
    then exists (select from gpus where gpus.name = any(containers.gpu_types) and gpus.simulated)
  else exists (
    select from gpus where gpus.host_uuid = containers.host_uuid
      and gpus.name = any(containers.gpu_types) and gpus.simulated
  )
end`

const position = sql<number | null>`case when containers.queued_at is not null then (
  select 1 + count(*)::int from containers earlier
  where earlier.queued_at is not null
    and (earlier.queued_at, earlier.uuid) < (containers.queued_at, containers.uuid)
    and (earlier.gpu_types && containers.gpu_types
      or cardinality(earlier.gpu_types) = 0 and cardinality(containers.gpu_types) = 0)
) end`

const buildRecords = (db: Queries, where: ReturnType<typeof and>, { withEnv }: { withEnv: boolean }) =>
  db
    .select({
      row: columns,
      facts: containerFacts,
      host: {
        uuid: hosts.uuid,
        name: hosts.name,
        state: hosts.state,
        lastSeenAt: hosts.lastSeenAt,
        deployTimeoutS: hosts.deployTimeoutS,
        reportedVersion: hosts.reportedVersion,
      },
      gpus: leasedGpus,
      volumes: mountedVolumes,
      simulated,
      position,
      env: withEnv ? containers.env : sql<null>`null`,
    })
    .from(containers)
    .leftJoin(hosts, eq(hosts.uuid, containers.hostUuid))
    .leftJoin(containerFacts, eq(containerFacts.containerUuid, containers.uuid))
    .where(and(isNull(containers.deletedAt), where))
    .orderBy(desc(containers.createdAt), desc(containers.uuid))

type FoundRow = Awaited<ReturnType<typeof buildRecords>>[number]

const toRecord = (found: FoundRow): ContainerRecord => ({
  row: found.row,
  intent: found.row,
  facts: found.facts ?? undefined,
  host: found.host ?? undefined,
  gpus: found.gpus ?? [],
  volumes: found.volumes ?? [],
  simulated: found.simulated,
  position: found.position ?? undefined,
  env: found.env ?? undefined,
})

async function selectRecords(
  db: Queries,
  where: ReturnType<typeof and>,
  { limit, withEnv = false }: { limit?: number; withEnv?: boolean } = {},
): Promise<ContainerRecord[]> {
  const query = buildRecords(db, where, { withEnv })
  const rows = await (limit === undefined ? query : query.limit(limit))
  return rows.map(toRecord)
}

const isOfTeam = and(
  eq(containers.teamUuid, sql.placeholder('teamUuid')),
  eq(containers.uuid, sql.placeholder('uuid')),
)
// One that is being deleted gives its name away.
const holdsName = and(
  eq(containers.teamUuid, sql.placeholder('teamUuid')),
  eq(containers.name, sql.placeholder('name')),
  ne(containers.desired, 'deleted'),
)
const selectOne = {
  named: prepareOnce((db) => buildRecords(db, holdsName, { withEnv: false }).prepare('container_named')),
  plain: prepareOnce((db) => buildRecords(db, isOfTeam, { withEnv: false }).prepare('container')),
  withEnv: prepareOnce((db) => buildRecords(db, isOfTeam, { withEnv: true }).prepare('container_with_env')),
}

export async function findContainer(
  db: Queries,
  teamUuid: string,
  uuid: string,
  { withEnv = false }: { withEnv?: boolean } = {},
): Promise<ContainerRecord | undefined> {
  const query = withEnv ? selectOne.withEnv : selectOne.plain
  const [found] = await query(db).execute({ teamUuid, uuid })
  return found && toRecord(found)
}

/** With their environments. */
export const listContainers = (
  db: Queries,
  teamUuid: string,
  { name, after, limit }: { name: string | undefined; after: Position | undefined; limit: number },
): Promise<ContainerRecord[]> =>
  selectRecords(
    db,
    and(
      eq(containers.teamUuid, teamUuid),
      name === undefined ? undefined : eq(containers.name, name),
      after &&
        or(
          lt(containers.createdAt, after.at),
          and(eq(containers.createdAt, after.at), lt(containers.uuid, after.uuid)),
        ),
    ),
    { limit, withEnv: true },
  )

/** All of a host's containers, those that wait for their deletion included. */
export const listContainersOfHost = (db: Queries, hostUuid: string): Promise<ContainerRecord[]> =>
  selectRecords(db, eq(containers.hostUuid, hostUuid))

/** Whatever team it belongs to; for what the control plane does by itself. */
export async function findAnyContainer(db: Queries, uuid: string): Promise<ContainerRecord | undefined> {
  const [record] = await selectRecords(db, eq(containers.uuid, uuid))
  return record
}

/** The team's container that holds this name. */
export async function findByName(
  db: Queries,
  teamUuid: string,
  name: string,
): Promise<ContainerRecord | undefined> {
  const [found] = await selectOne.named(db).execute({ teamUuid, name })
  return found && toRecord(found)
}

/** Encrypted environments by container. */
export async function readEnvironments(db: Queries, uuids: readonly string[]): Promise<Map<string, Buffer>> {
  if (uuids.length === 0) return new Map()
  const rows = await db
    .select({ uuid: containers.uuid, env: containers.env })
    .from(containers)
    .where(inArray(containers.uuid, [...uuids]))
  return new Map(rows.map(({ uuid, env }) => [uuid, env]))
}

/** What a container needs to be made, encrypted. */
export interface ContainerSecrets {
  readonly env: Buffer
  /** Of its team, for whatever registry. */
  readonly logins: readonly RegistryLoginRow[]
}

export async function readSecrets(
  db: Queries,
  uuids: readonly string[],
): Promise<Map<string, ContainerSecrets>> {
  if (uuids.length === 0) return new Map()
  const rows = await db
    .select({ uuid: containers.uuid, env: containers.env, login: registryLogins })
    .from(containers)
    .leftJoin(registryLogins, eq(registryLogins.teamUuid, containers.teamUuid))
    .where(inArray(containers.uuid, [...uuids]))
  const secrets = new Map<string, { env: Buffer; logins: RegistryLoginRow[] }>()
  for (const { uuid, env, login } of rows) {
    const { logins } = secrets.get(uuid) ?? { logins: [] }
    secrets.set(uuid, { env, logins: login ? [...logins, login] : logins })
  }
  return secrets
}

/** Holds a container that waits in line, so that it is not placed meanwhile; false when somebody else does. */
export async function lockWaiting(tx: Transaction, uuid: string): Promise<boolean> {
  const rows = await tx
    .select({ uuid: containers.uuid })
    .from(containers)
    .where(and(eq(containers.uuid, uuid), isNull(containers.hostUuid)))
    .for('update')
  return rows.length > 0
}

export type WaitingRow = Pick<
  ContainerRow,
  | 'uuid'
  | 'teamUuid'
  | 'generation'
  | 'gpuTypes'
  | 'gpuCount'
  | 'memoryBytes'
  | 'cpus'
  | 'diskBytes'
  | 'image'
  | 'pinnedTo'
  | 'volumeDrivers'
  | 'queueAhead'
  | 'queueReason'
>

/** Those in line, the first first; without those whose team could not pay. */
export const listWaiting = (db: Queries): Promise<WaitingRow[]> =>
  db
    .select({
      uuid: containers.uuid,
      teamUuid: containers.teamUuid,
      generation: containers.generation,
      gpuTypes: containers.gpuTypes,
      gpuCount: containers.gpuCount,
      memoryBytes: containers.memoryBytes,
      cpus: containers.cpus,
      diskBytes: containers.diskBytes,
      image: containers.image,
      pinnedTo: containers.pinnedTo,
      volumeDrivers: containers.volumeDrivers,
      queueAhead: containers.queueAhead,
      queueReason: containers.queueReason,
    })
    .from(containers)
    .innerJoin(teams, eq(teams.uuid, containers.teamUuid))
    .where(and(isNotNull(containers.queuedAt), or(isNull(teams.exhaustedAt), eq(containers.gpuCount, 0))))
    .orderBy(asc(containers.queuedAt), asc(containers.uuid))

/** Containers whose passing status has outlasted its deadline. */
export async function listOverdue(
  db: Queries,
  now: Date,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<string[]> {
  const rows = await db
    .select({ uuid: containers.uuid })
    .from(containers)
    .where(
      and(
        lte(containers.deadlineAt, now),
        isNull(containers.deletedAt),
        after === undefined ? undefined : gt(containers.uuid, after),
      ),
    )
    .orderBy(asc(containers.uuid))
    .limit(limit)
  return rows.map(({ uuid }) => uuid)
}

export async function insertContainer(tx: Transaction, row: NewContainer): Promise<ContainerRow> {
  const [inserted] = await tx.insert(containers).values(row).returning(columns)
  if (!inserted) throw new Error(`Container ${row.uuid} was not stored`)
  return inserted
}

export async function updateContainer(
  tx: Transaction,
  uuid: string,
  values: Partial<NewContainer>,
): Promise<void> {
  await tx.update(containers).set(values).where(eq(containers.uuid, uuid))
}

export async function updateContainers(
  tx: Transaction,
  uuids: readonly string[],
  values: Partial<NewContainer>,
): Promise<void> {
  if (uuids.length === 0) return
  await tx
    .update(containers)
    .set(values)
    .where(inArray(containers.uuid, [...uuids]))
}

export async function upsertFacts(tx: Transaction, rows: readonly FactsRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx.execute(sql`
    insert into container_facts (
      container_uuid, generation, state, busy, started_at, finished_at, exit_code, oom_killed, last_exit, restarts,
      failure_attempt, failure_code, failure_message, observed_at
    )
    select * from jsonb_to_recordset(${toJsonRows(rows)}::text::jsonb) as rows (
      "containerUuid" uuid, generation integer, state text, busy boolean, "startedAt" text, "finishedAt" text,
      "exitCode" integer, "oomKilled" boolean, "lastExit" jsonb, restarts integer,
      "failureAttempt" integer, "failureCode" text, "failureMessage" text, "observedAt" timestamptz
    )
    on conflict (container_uuid) do update set
      generation = excluded.generation, state = excluded.state, busy = excluded.busy,
      started_at = excluded.started_at, finished_at = excluded.finished_at, exit_code = excluded.exit_code,
      oom_killed = excluded.oom_killed, last_exit = excluded.last_exit, restarts = excluded.restarts,
      failure_attempt = excluded.failure_attempt, failure_code = excluded.failure_code,
      failure_message = excluded.failure_message, observed_at = excluded.observed_at`)
}
