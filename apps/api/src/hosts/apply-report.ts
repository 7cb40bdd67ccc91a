import { GpulabError, type Report } from '@gpulab/contract'
import type { HostPrincipal } from '../auth/authenticate.ts'
import { toNews } from '../containers/announce.ts'
import {
  type ContainerRecord,
  listContainersOfHost,
  updateContainers,
  upsertFacts,
} from '../containers/store.ts'
import type { Transaction } from '../db/connect.ts'
import type { ForeignContainer } from '../db/schema/index.ts'
import type { Deps } from '../deps.ts'
import { type Announcement, announceStatuses } from '../events/store.ts'
import { isSilent } from '../containers/view.ts'
import { closeIntervals, openIntervals } from '../usage/store.ts'
import { recount, releaseLeases } from '../leases/store.ts'
import { decideReport, type ReportDecision, type Told } from './decide-report.ts'
import { findMismatched, type Mismatched } from './find-mismatched.ts'
import { raiseHostEvent } from './events/store.ts'
import { bumpTarget, lockHost, signalCapacity, signalWatchers, updateHost } from './store.ts'

/**
 * Takes a host's picture of its containers. Only the newest run of its agent is heard, and only reports newer than the
 * last one, so that late and doubled ones change nothing.
 */
export async function applyReport(
  { db, clock, log, failPoint }: Pick<Deps, 'db' | 'clock' | 'log' | 'failPoint'>,
  { hostUuid, hostName }: HostPrincipal,
  report: Report,
): Promise<void> {
  const now = clock.now()
  await db.transaction(async (tx) => {
    // In this order: what is read has to be what the lock protects.
    const [host, records] = await Promise.all([lockHost(tx, hostUuid), listContainersOfHost(tx, hostUuid)])
    if (host?.bootId !== report.boot_id) throw bootReplaced(hostName)
    if (report.seq <= host.lastSeq) return
    // It speaks of a target that we never gave: our database is an older one, and its picture may prove something else.
    if (report.target_version > host.targetVersion) throw new GpulabError('hello_missing')
    const decision = decideReport(records, report, now)
    // Without its engine the host has seen nothing: what it had it has still.
    const foreign = report.engine.available ? decision.foreign : host.foreignContainers
    const newlyForeign = foreign.filter(
      (each) => !host.foreignContainers.some((known) => isSameForeign(known, each)),
    )
    if (newlyForeign.length > 0) {
      const uuids = [...new Set(newlyForeign.map(({ uuid }) => uuid))]
      log.warn({ host: hostName, containers: uuids }, 'host reports containers that are not placed on it')
      const message = `It has containers that were not placed on it: ${toShortList(uuids)}.`
      await raiseHostEvent(tx, { hostUuid, at: now, type: 'foreign_containers', message }, raisedEachMs)
      // It is to remove those of them that went on elsewhere.
      await bumpTarget(tx, hostUuid)
    }
    const mismatched = report.engine.available ? findMismatched(records, report.containers) : []
    if (mismatched.length > 0) {
      log.error({ host: hostName, mismatched }, 'host runs containers with other GPUs than they hold')
      const message = `It runs containers with other GPUs than they hold: ${toShortList(mismatched.map(toContradiction))}.`
      await raiseHostEvent(tx, { hostUuid, at: now, type: 'gpu_mismatch', message }, raisedEachMs)
    }
    await Promise.all([
      updateHost(tx, hostUuid, {
        lastSeq: report.seq,
        reportSeq: report.seq,
        reportedVersion: report.target_version,
        lastSeenAt: now,
        engineAvailable: report.engine.available,
        engineVersion: report.engine.version,
        engineMessage: report.engine.message,
        foreignContainers: [...foreign],
      }),
      carryOut(tx, hostUuid, decision, now),
      // Of a host that was cut off nothing is known after its last word.
      closeIntervals(tx, decision.ended, isSilent(host.lastSeenAt, now) ? (host.lastSeenAt ?? now) : now),
      openIntervals(tx, decision.began, now),
    ])
    const isOpenAgain = report.engine.available && !host.engineAvailable
    if (isOpenAgain) await signalCapacity(tx)
    await failPoint('api.report.written')
  })
  await failPoint('api.report.committed')
}

const raisedEachMs = 60_000
const shownMax = 10

const toShortList = (uuids: readonly string[]): string =>
  uuids.length <= shownMax
    ? uuids.join(', ')
    : `${uuids.slice(0, shownMax).join(', ')} and ${uuids.length - shownMax} more`

const toContradiction = ({ uuid, has, leased }: Mismatched): string =>
  `${uuid} (has ${has.join(' and ') || 'none'}, holds ${leased.join(' and ') || 'none'})`

const isSameForeign = (a: ForeignContainer, b: ForeignContainer): boolean =>
  a.uuid === b.uuid && a.generation === b.generation

async function carryOut(
  tx: Transaction,
  hostUuid: string,
  decision: ReportDecision,
  now: Date,
): Promise<void> {
  const { facts, released, gone, told, areWishesChanged } = decision
  await Promise.all([
    upsertFacts(tx, facts),
    releaseLeases(tx, released, { releasedAt: now, releasedBy: 'rest' }),
    updateContainers(tx, gone, { deletedAt: now }),
    announceStatuses(
      tx,
      told.map((one) => announce(one, now)),
      now,
    ),
  ])
  if (areWishesChanged) await bumpTarget(tx, hostUuid)
  if (released.length > 0 || gone.length > 0) {
    await recount(tx, hostUuid)
    await signalCapacity(tx)
    await signalWatchers(tx, hostUuid)
  }
}

function announce({ record, view }: Told, now: Date): Announcement {
  if (view.status !== 'deleted') return toNews(record, view, now)
  const { uuid, teamUuid }: ContainerRecord['row'] = record.row
  return { uuid, teamUuid, status: 'deleted', reason: null, deadlineAt: null }
}

export const bootReplaced = (hostName: string): GpulabError =>
  new GpulabError('boot_replaced', {
    message: `Another run of the agent speaks for host ${hostName} now.`,
  })
