/*
 * What has to be true of a system, whatever has happened to it. Plain functions over what the engine and the database
 * say; each gives a sentence for every violation, and none when all is well.
 */

/** A container of the engine with our label. */
export interface EngineContainer {
  readonly id: string
  readonly uuid: string
  readonly generation: number
  readonly state: 'created' | 'running' | 'exited'
  /** The cards that the engine gives it, which is more than what its labels say. */
  readonly gpuUuids: readonly string[]
  readonly pid: number
  readonly startedAt: string
}

/** A container of the control plane that is not known to be gone. */
export interface Row {
  readonly uuid: string
  readonly name: string
  readonly generation: number
  /** As its user sees it. */
  readonly status: string
  /** Why, as its user is told. */
  readonly reason: string | null
  /** When a passing status has to be over. */
  readonly deadline: Date | null
}

export interface OpenLease {
  readonly gpuUuid: string
  readonly containerUuid: string
  readonly generation: number
}

export interface Host {
  readonly name: string
  readonly isEngineAvailable: boolean
  /** Whether it has told what it did about the newest target. */
  readonly isCaughtUp: boolean
}

export interface Observation {
  readonly hosts: readonly Host[]
  readonly engine: readonly EngineContainer[]
  readonly rows: readonly Row[]
  readonly leases: readonly OpenLease[]
  readonly now: Date
}

const describe = ({ uuid, generation, state }: EngineContainer): string =>
  `engine container ${uuid} g${generation} (${state})`
const describeRow = ({ name, uuid, generation, status }: Row): string =>
  `container ${name} (${uuid} g${generation}, ${status})`

/** What may be there for a row of a lasting status: how many containers, and in which state. */
const expected: Readonly<Record<string, { least: number; states: readonly EngineContainer['state'][] }>> = {
  running: { least: 1, states: ['running'] },
  // Stopped before it was made, it has no container.
  stopped: { least: 0, states: ['created', 'exited'] },
  failed: { least: 0, states: ['created', 'exited'] },
  queued: { least: 0, states: [] },
}

/** Containers of the engine and rows are one to one. True once everything has come to rest. */
export function findMismatches({ engine, rows }: Pick<Observation, 'engine' | 'rows'>): string[] {
  const orphans = engine
    .filter((container) => !rows.some((row) => isSame(row, container)))
    .map((container) => `${describe(container)} belongs to no row.`)
  const wrong = rows.flatMap((row) => {
    const rule = expected[row.status]
    if (!rule) return [`${describeRow(row)} has not come to rest.`]
    const own = engine.filter((container) => isSame(row, container))
    const isMany = own.length > 1 ? [`${describeRow(row)} has ${own.length} containers.`] : []
    const isMissing = own.length < rule.least ? [`${describeRow(row)} has no container.`] : []
    const odd = own.filter(({ state }) => !rule.states.includes(state))
    return [...isMany, ...isMissing, ...odd.map((each) => `${describeRow(row)} has ${describe(each)}.`)]
  })
  return [...orphans, ...wrong]
}

/**
 * Every open lease has a live row and a container of its generation that has that card, and whatever runs holds leases
 * of exactly its cards. True once everything has come to rest.
 */
export function findLeaseFaults({
  engine,
  rows,
  leases,
}: Pick<Observation, 'engine' | 'rows' | 'leases'>): string[] {
  const idle = leases.flatMap((lease) => {
    const what = `the lease of ${lease.gpuUuid} by ${lease.containerUuid} g${lease.generation}`
    const row = rows.find(({ uuid }) => uuid === lease.containerUuid)
    if (!row) return [`There is no row for ${what}.`]
    if (row.generation !== lease.generation) return [`${describeRow(row)} has ${what}.`]
    const holder = engine.find((container) => isSame(row, container))
    return holder?.state === 'running' && holder.gpuUuids.includes(lease.gpuUuid)
      ? []
      : [`No container runs for ${what}.`]
  })
  const running = engine.filter(({ state }) => state === 'running')
  const unleased = running.flatMap((container) =>
    container.gpuUuids
      .filter(
        (gpu) => !leases.some((lease) => lease.gpuUuid === gpu && lease.containerUuid === container.uuid),
      )
      .map((gpu) => `${describe(container)} has ${gpu} without a lease.`),
  )
  return [...idle, ...unleased]
}

/** No card is in two running containers, and none is leased twice. True at any moment. */
export function findSharedGpus({ engine, leases }: Pick<Observation, 'engine' | 'leases'>): string[] {
  const running = engine.filter(({ state }) => state === 'running')
  const uses = running.flatMap((container) =>
    container.gpuUuids.map((gpu) => ({ gpu, by: describe(container) })),
  )
  const held = leases.map(({ gpuUuid, containerUuid }) => ({ gpu: gpuUuid, by: `lease of ${containerUuid}` }))
  return [uses, held].flatMap((list) =>
    [...Map.groupBy(list, ({ gpu }) => gpu)]
      .filter(([, users]) => users.length > 1)
      .map(([gpu, users]) => `${gpu} is in use twice: ${users.map(({ by }) => by).join(' and ')}.`),
  )
}

/** No row stays in a passing status beyond its deadline. True at any moment, but for what a sweep may take. */
export function findOverdue({ rows, now }: Pick<Observation, 'rows' | 'now'>, sweepMs = 15_000): string[] {
  return rows
    .filter(({ deadline }) => deadline !== null && now.getTime() - deadline.getTime() > sweepMs)
    .map((row) => `${describeRow(row)} is past its deadline of ${row.deadline?.toISOString()}.`)
}

/** Containers that nobody has touched are the very same runs as before. */
export function findDisturbed(
  before: readonly EngineContainer[],
  after: readonly EngineContainer[],
): string[] {
  return before.flatMap((container) => {
    const now = after.find(({ id }) => id === container.id)
    if (!now) return [`${describe(container)} is gone.`]
    const isSameRun =
      now.state === container.state && now.pid === container.pid && now.startedAt === container.startedAt
    return isSameRun
      ? []
      : [
          `${describe(container)} was disturbed: pid ${container.pid} started at ${container.startedAt}, now ${now.state} with pid ${now.pid} started at ${now.startedAt}.`,
        ]
  })
}

/** Every host can be given work again, and has nothing left to do. */
export function findIllHosts({ hosts }: Pick<Observation, 'hosts'>): string[] {
  const ill = hosts.filter(({ isEngineAvailable }) => !isEngineAvailable)
  const late = hosts.filter(({ isCaughtUp }) => !isCaughtUp)
  return [
    ...ill.map(({ name }) => `The engine of host ${name} is not there.`),
    ...late.map(({ name }) => `Host ${name} has still to do something.`),
  ]
}

/** Everything that has to be true once a system has come to rest. */
export const findFaults = (observation: Observation): string[] => [
  ...findMismatches(observation),
  ...findLeaseFaults(observation),
  ...findSharedGpus(observation),
  ...findOverdue(observation),
  ...findIllHosts(observation),
]

const isSame = (row: Row, container: EngineContainer): boolean =>
  row.uuid === container.uuid && row.generation === container.generation
