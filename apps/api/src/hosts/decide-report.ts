import { type ContainerFacts, isGoodRun, type Report } from '@gpulab/contract'
import { isDeepStrictEqual } from 'node:util'
import { toExitReason } from '../containers/exit-reason.ts'
import { isGone, isProofOfRest, restartsOf, statusOf, type StatusView, wishOf } from '../containers/status.ts'
import type { ContainerRecord, FactsRow } from '../containers/store.ts'
import type { ForeignContainer } from '../db/schema/index.ts'

/** A container whose status users have to be told. */
export interface Told {
  readonly record: ContainerRecord
  readonly view: StatusView | { readonly status: 'deleted'; readonly reason: null }
}

/** What follows from a report, for the rows of its host. */
export interface ReportDecision {
  /** Those that are other than before. */
  readonly facts: readonly FactsRow[]
  /** Containers that are proven at rest and hold a share of the host. */
  readonly released: readonly string[]
  /** Deleted ones that are gone from the host. */
  readonly gone: readonly string[]
  /** Containers that run now and did not before, and those that do not run any more. */
  readonly began: readonly string[]
  readonly ended: readonly string[]
  readonly told: readonly Told[]
  /** Whether the host shall now do something else than before about any of them. */
  readonly areWishesChanged: boolean
  /** Containers with our label that are not placed on this host. */
  readonly foreign: readonly ForeignContainer[]
}

/** Decides on a host's whole picture of its containers; `records` are all that are placed on it. */
export function decideReport(
  records: readonly ContainerRecord[],
  report: Pick<Report, 'target_version' | 'engine' | 'containers'>,
  now: Date,
): ReportDecision {
  const reported = Map.groupBy(report.containers, ({ uuid }) => uuid)
  const own = new Set(records.map(({ row }) => row.uuid))
  const foreign = report.containers
    .filter(({ uuid, state }) => state !== 'absent' && !own.has(uuid))
    .map(({ uuid, state, generation }) => ({ uuid, state, generation }))
  // Without its engine the host has seen nothing, so nothing in the report is proof of absence.
  const seen = report.engine.available ? records : []
  const decisions = seen.map((record) =>
    decideOne(record, reported.get(record.row.uuid) ?? [], report.target_version, now),
  )
  const known = decisions.filter((decision) => decision !== undefined)
  return {
    facts: known.flatMap(({ facts }) => facts),
    released: known.filter(({ isReleased }) => isReleased).map(({ uuid }) => uuid),
    gone: known.filter((decision) => decision.isGone).map(({ uuid }) => uuid),
    began: known.filter(({ runs }) => runs === 'began').map(({ uuid }) => uuid),
    ended: known.filter(({ runs }) => runs === 'ended').map(({ uuid }) => uuid),
    told: known.flatMap(({ told }) => told),
    areWishesChanged: known.some(({ isWishChanged }) => isWishChanged),
    foreign,
  }
}

function decideOne(record: ContainerRecord, all: readonly ContainerFacts[], version: number, now: Date) {
  const { row, intent } = record
  const reported = findCurrent(record, all, version)
  if (reported === 'unknown') return undefined
  const facts = mergeFacts(record, reported, version, now)
  const gone = isGone(intent, facts, version)
  const isReleased = row.holds && isProofOfRest(intent, facts, version)
  const settled = { ...intent, holds: row.holds && !isReleased }
  const view = gone ? ({ status: 'deleted', reason: null } as const) : statusOf(settled, facts)
  const isNews = view.status !== row.announcedStatus || (view.reason?.code ?? null) !== row.announcedReason
  return {
    uuid: row.uuid,
    facts: isSame(record, facts) ? [] : [facts],
    isReleased,
    isGone: gone,
    runs: toldRun(record, facts),
    told: isNews ? [{ record, view }] : [],
    isWishChanged: wishOf(intent, record.facts) !== wishOf(settled, facts),
  }
}

/** Whether a run of it has begun or ended since the last report, as far as the host has told. */
function toldRun(
  { row, facts: before }: Pick<ContainerRecord, 'row' | 'facts'>,
  { state }: Pick<FactsRow, 'state'>,
): 'began' | 'ended' | undefined {
  const hasRun = before?.state === 'running'
  if (state !== 'running') return hasRun ? 'ended' : undefined
  return hasRun && before.generation === row.generation ? undefined : 'began'
}

/**
 * What the report says of the present generation; undefined if it has none. Where the host has an older generation only,
 * nothing is known, unless the newer one shall not run and the host knows it: then it is not there, and the older one
 * keeps the files.
 */
function findCurrent(
  { row }: ContainerRecord,
  all: readonly ContainerFacts[],
  version: number,
): ContainerFacts | undefined | 'unknown' {
  const newest = all.toSorted((left, right) => left.generation - right.generation).at(-1)
  if (!newest || newest.generation === row.generation) return newest
  const isSettled =
    newest.generation < row.generation && row.desired === 'stopped' && version >= row.targetVersion
  if (!isSettled) return 'unknown'
  const busy = newest.busy || all.some(({ state }) => state === 'running')
  return {
    ...newest,
    generation: row.generation,
    state: 'absent',
    busy,
    started_at: null,
    finished_at: null,
    failure: null,
  }
}

/**
 * A host that does not mention a container has none. What was known of the same generation stays known until a new run:
 * when it last started, and why an attempt failed, which an agent forgets when it restarts.
 */
function mergeFacts(
  { row, intent, facts: before }: ContainerRecord,
  reported: ContainerFacts | undefined,
  version: number,
  now: Date,
): FactsRow {
  const known = before?.generation === row.generation ? before : undefined
  // While an agent works on one that is not there it calls it `pulling`.
  const isUnseen = reported === undefined || reported.state === 'absent' || reported.state === 'pulling'
  const isSameRun = isUnseen || reported.started_at === known?.startedAt
  const failure = reported?.failure ?? (isSameRun ? toFailure(known) : undefined)
  const isExited = reported?.state === 'exited' && reported.exit_code !== null
  return {
    containerUuid: row.uuid,
    generation: row.generation,
    state: reported?.state ?? 'absent',
    busy: reported?.busy ?? false,
    startedAt: reported?.started_at ?? (isUnseen ? (known?.startedAt ?? null) : null),
    finishedAt: reported?.finished_at ?? (isUnseen ? (known?.finishedAt ?? null) : null),
    exitCode: reported?.exit_code ?? null,
    oomKilled: reported?.oom_killed ?? false,
    lastExit: isExited ? toExitReason(reported) : (before?.lastExit ?? null),
    restarts:
      version < 0 ? restartsBefore(intent, known, reported) : (reported?.restarts ?? known?.restarts ?? 0),
    failureAttempt: failure?.attempt ?? null,
    failureCode: failure?.code ?? null,
    failureMessage: failure?.message ?? null,
    observedAt: now,
  }
}

/** An agent that is new and has no target yet does not know of earlier restarts: what it will count once it has one. */
const restartsBefore = (
  intent: ContainerRecord['intent'],
  known: ContainerRecord['facts'],
  reported: ContainerFacts | undefined,
): number =>
  reported?.state === 'exited' && isGoodRun(reported.started_at, reported.finished_at)
    ? 0
    : restartsOf(intent, known)

function toFailure(known: ContainerRecord['facts']): ContainerFacts['failure'] | undefined {
  const { failureAttempt: attempt, failureCode: code, failureMessage: message } = known ?? {}
  if (attempt == null || code == null) return undefined
  return { attempt, code, message: message ?? code }
}

/** Whether nothing but the moment of the look has changed. */
function isSame({ facts: before }: ContainerRecord, facts: FactsRow): boolean {
  if (!before) return false
  const old: Readonly<Record<string, unknown>> = { ...before }
  return Object.entries(facts).every(
    ([key, value]) => key === 'observedAt' || isDeepStrictEqual(old[key], value),
  )
}
