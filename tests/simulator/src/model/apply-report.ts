import { GpulabError, type Heartbeat, type Hello, type Report } from '@gpulab/contract'
import { toNews } from '../../../../apps/api/src/containers/announce.ts'
import type { ContainerRecord } from '../../../../apps/api/src/containers/store.ts'
import { hostSilenceMs } from '../../../../apps/api/src/containers/view.ts'
import { findMismatched } from '../../../../apps/api/src/hosts/find-mismatched.ts'
import type { Told } from '../../../../apps/api/src/hosts/decide-report.ts'
import {
  announce,
  bumpTarget,
  getHost,
  type Host,
  listRecordsOfHost,
  type Model,
  releaseLeases,
  transact,
  updateContainer,
  updateHost,
} from './tables.ts'

/** As hosts/service.ts, welcomeHost, and storeHello of hosts/store.ts. */
export function welcomeHost(model: Model, hostUuid: string, hello: Hello, session: number): void {
  const { tables } = model
  transact(model, () => {
    const host = getHost(model, hostUuid)
    if (model.decide.isReplaced(host, hello, session)) throw new GpulabError('boot_replaced')
    const isSameRun = host.bootId === hello.boot_id
    updateHost(model, hostUuid, {
      bootId: hello.boot_id,
      bootConnect: session,
      lastSeq: isSameRun ? host.lastSeq : 0,
      reportSeq: isSameRun ? host.reportSeq : 0,
      reportedVersion: isSameRun ? host.reportedVersion : -1,
      lastSeenAt: model.now(),
      cpus: hello.cpus,
      memoryBytes: hello.memory_bytes,
      diskBytes: hello.disk_bytes,
      images: hello.images,
      deployTimeoutS: Math.ceil(hello.deploy_timeout),
      engineAvailable: hello.engine.available,
      engineMessage: hello.engine.message,
    })
    for (const gpu of tables.gpus.values()) {
      if (gpu.hostUuid === hostUuid) tables.gpus.set(gpu.uuid, { ...gpu, present: false })
    }
    for (const { uuid, index, name, memory_bytes: memoryBytes } of hello.gpus) {
      tables.gpus.set(uuid, { uuid, hostUuid, index, name, memoryBytes, present: true })
    }
  })
}

/** Whether a report comes after one that was made later. */
export const isBeforeLast = (host: Pick<Host, 'lastSeq'>, { seq }: Report): boolean => seq <= host.lastSeq

/** As hosts/apply-report.ts. */
export function applyReport(model: Model, hostUuid: string, report: Report): void {
  const now = model.now()
  transact(model, () => {
    const host = getHost(model, hostUuid)
    if (host.bootId !== report.boot_id) throw new GpulabError('boot_replaced')
    if (model.decide.isBeforeLast(host, report)) return
    if (report.target_version > host.targetVersion) throw new GpulabError('hello_missing')
    const records = listRecordsOfHost(model, hostUuid)
    const decision = model.decide.decideReport(records, report, now)
    const foreign = report.engine.available ? decision.foreign : host.foreignContainers
    const isNewlyForeign = foreign.some(
      ({ uuid, generation }) =>
        !host.foreignContainers.some((known) => known.uuid === uuid && known.generation === generation),
    )
    if (isNewlyForeign) {
      model.tables.hostEvents.push({ hostUuid, at: now, type: 'foreign_containers' })
      bumpTarget(model, hostUuid)
    }
    if (report.engine.available && findMismatched(records, report.containers).length > 0) {
      model.tables.hostEvents.push({ hostUuid, at: now, type: 'gpu_mismatch' })
    }
    updateHost(model, hostUuid, {
      lastSeq: report.seq,
      reportSeq: report.seq,
      reportedVersion: report.target_version,
      lastSeenAt: now,
      engineAvailable: report.engine.available,
      engineMessage: report.engine.message,
      foreignContainers: [...foreign],
    })
    for (const facts of decision.facts) model.tables.facts.set(facts.containerUuid, facts)
    releaseLeases(model, decision.released, { releasedAt: now, releasedBy: 'rest' })
    for (const uuid of decision.gone) updateContainer(model, uuid, { deletedAt: now })
    for (const { record, view } of decision.told)
      announce(model, record, view, now, toNewsDeadline(record, view, now))
    if (decision.areWishesChanged) bumpTarget(model, hostUuid)
  })
}

const toNewsDeadline = (record: ContainerRecord, view: Told['view'], now: Date): Date | null =>
  view.status === 'deleted' ? null : toNews(record, view, now).deadlineAt

/** As applyHeartbeat there, and keepAlive of hosts/store.ts. */
export function applyHeartbeat(model: Model, hostUuid: string, heartbeat: Heartbeat): void {
  const now = model.now()
  const host = getHost(model, hostUuid)
  if (host.bootId !== heartbeat.boot_id) throw new GpulabError('boot_replaced')
  const silentSince = new Date(now.getTime() - hostSilenceMs)
  const isKept =
    host.reportSeq === heartbeat.report_seq && host.lastSeenAt !== null && host.lastSeenAt > silentSince
  if (!isKept) throw new GpulabError('report_needed')
  updateHost(model, hostUuid, { lastSeenAt: now, lastSeq: Math.max(host.lastSeq, heartbeat.seq) })
}
