import { type ContainerFacts, GpulabError, type Report } from '@gpulab/contract'
import type { HostPrincipal } from '../auth/authenticate.ts'
import { isGone, isProofOfRest, statusOf, wishOf } from '../containers/status.ts'
import {
  type ContainerRecord,
  type FactsRow,
  listContainersOfHost,
  updateContainer,
  upsertFacts,
} from '../containers/store.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { announceStatus } from '../events/store.ts'
import { releaseLeases } from '../leases/store.ts'
import { getHostByName } from './service.ts'
import { bumpTarget, lockHost, updateHost } from './store.ts'

type NewFacts = Omit<FactsRow, 'containerUuid'>

/**
 * Takes a host's picture of its containers. Only the newest run of its agent is heard, and only reports newer than the
 * last one, so that late and doubled ones change nothing.
 */
export async function applyReport(
  { db, clock, log }: Pick<Deps, 'db' | 'clock' | 'log'>,
  { hostName }: HostPrincipal,
  report: Report,
): Promise<void> {
  const { uuid: hostUuid } = await getHostByName({ db }, hostName)
  const now = clock.now()
  await db.transaction(async (tx) => {
    const host = await lockHost(tx, hostUuid)
    if (host?.bootId !== report.boot_id) {
      throw new GpulabError('boot_replaced', {
        message: `Another run of the agent speaks for host ${hostName} now.`,
      })
    }
    if (report.seq <= host.lastSeq) return
    await updateHost(tx, hostUuid, {
      lastSeq: report.seq,
      lastSeenAt: now,
      engineAvailable: report.engine.available,
      engineVersion: report.engine.version,
      engineMessage: report.engine.message,
    })
    const records = await listContainersOfHost(tx, hostUuid)
    const reported = new Map(report.containers.map((facts) => [facts.uuid, facts]))
    let wishesChanged = false
    // Without its engine the host has seen nothing, so nothing in the report is proof of absence.
    for (const record of report.engine.available ? records : []) {
      wishesChanged =
        (await applyFacts(tx, record, reported.get(record.row.uuid), report, now)) || wishesChanged
    }
    if (wishesChanged) await bumpTarget(tx, hostUuid)
    const own = new Set(records.map(({ row }) => row.uuid))
    const foreign = report.containers.filter(({ uuid, state }) => state !== 'absent' && !own.has(uuid))
    if (foreign.length > 0)
      log.warn(
        { host: hostName, containers: foreign.map(({ uuid }) => uuid) },
        'host reports containers that are not placed on it',
      )
  })
}

/** Whether the host shall now do something else about the container than before. */
async function applyFacts(
  tx: Transaction,
  record: ContainerRecord,
  reported: ContainerFacts | undefined,
  report: Report,
  now: Date,
): Promise<boolean> {
  const { row, intent } = record
  if (reported && reported.generation !== row.generation) return false
  const facts = mergeFacts(record, reported, report.target_version, now)
  await upsertFacts(tx, { containerUuid: row.uuid, ...facts })
  if (isProofOfRest(intent, facts) && record.gpus.length > 0) await releaseLeases(tx, row.uuid, now)
  if (isGone(intent, facts)) await updateContainer(tx, row.uuid, { deletedAt: now })

  const status = isGone(intent, facts) ? { status: 'deleted', reason: null } : statusOf(intent, facts)
  if (status.status !== row.announcedStatus) await announceStatus(tx, row.uuid, status, now)
  return wishOf(intent, record.facts) !== wishOf(intent, facts)
}

/**
 * A host that does not mention a container has none. What was known of the same generation stays known until a new run:
 * when it last started, and why an attempt failed, which an agent forgets when it restarts.
 */
function mergeFacts(
  { row, facts: before }: ContainerRecord,
  reported: ContainerFacts | undefined,
  targetVersion: number,
  now: Date,
): NewFacts {
  const known = before?.generation === row.generation ? before : undefined
  const isAbsent = reported === undefined || reported.state === 'absent'
  const isSameRun = isAbsent || reported.started_at === known?.startedAt
  const failure = reported?.failure ?? (isSameRun ? toFailure(known) : undefined)
  return {
    generation: row.generation,
    state: reported?.state ?? 'absent',
    busy: reported?.busy ?? false,
    startedAt: reported?.started_at ?? (isAbsent ? (known?.startedAt ?? null) : null),
    finishedAt: reported?.finished_at ?? (isAbsent ? (known?.finishedAt ?? null) : null),
    exitCode: reported?.exit_code ?? null,
    oomKilled: reported?.oom_killed ?? false,
    failureAttempt: failure?.attempt ?? null,
    failureCode: failure?.code ?? null,
    failureMessage: failure?.message ?? null,
    targetVersion,
    observedAt: now,
  }
}

function toFailure(known: ContainerRecord['facts']): ContainerFacts['failure'] | undefined {
  const { failureAttempt: attempt, failureCode: code, failureMessage: message } = known ?? {}
  if (attempt == null || code == null) return undefined
  return { attempt, code, message: message ?? code }
}
