import { GpulabError } from '@gpulab/contract'
import type { ContainerRecord, ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import { isSilent } from '../../../../apps/api/src/containers/view.ts'
import type { HostVerb } from '../control-plane.ts'
import {
  bumpTarget,
  getHost,
  type Host,
  listRecordsOfHost,
  type Model,
  releaseLeases,
  transact,
  updateHost,
  writeIntent,
} from './tables.ts'

/** As hosts/operate-host.ts. */
export function operateHost(model: Model, verb: HostVerb, uuid: string, remember: () => void): void {
  transact(model, () => {
    const host = getHost(model, uuid)
    remember()
    acts[verb](model, host, model.now())
  })
}

const acts: Record<HostVerb, (model: Model, host: Host, now: Date) => void> = {
  cordon: (model, host, now) => {
    if (host.state === 'fenced') throw new GpulabError('host_wrong_state')
    if (host.state === 'active') setState(model, host, 'cordoned', now)
  },
  uncordon: (model, host, now) => {
    if (host.state === 'active') return
    if (host.state === 'fenced' && !model.decide.isCleared(host, listRecordsOfHost(model, host.uuid), now)) {
      throw new GpulabError('host_wrong_state')
    }
    setState(model, host, 'active', now)
  },
  drain: (model, host, now) => {
    if (host.state === 'fenced') throw new GpulabError('host_wrong_state')
    setState(model, host, 'draining', now)
    for (const record of listRecordsOfHost(model, host.uuid)) {
      if (!isAlive(model, record) || record.row.desired === 'stopped') continue
      writeIntent(model, record, { desired: 'stopped', ...verdict(record, 'host_drained') }, now)
    }
  },
  fence: (model, host, now) => {
    if (host.state === 'fenced') return
    if (!isSilent(host.lastSeenAt, now)) throw new GpulabError('host_wrong_state')
    setState(model, host, 'fenced', now)
    const records = listRecordsOfHost(model, host.uuid)
    const uuids = records.map(({ row }) => row.uuid)
    releaseLeases(model, uuids, { releasedAt: now, releasedBy: 'fence' })
    for (const record of records) {
      const isDeleted = record.row.desired === 'deleted'
      if (!isDeleted && !isAlive(model, record) && !isGivenUp(record)) continue
      const change = isDeleted ? { deletedAt: now } : verdict(record, 'host_fenced')
      writeIntent(model, record, change, now)
    }
    bumpTarget(model, host.uuid)
  },
}

/** Whether a fenced host has shown that nothing of before runs on it. */
export function isCleared(host: Host, records: readonly ContainerRecord[], now: Date): boolean {
  if (isSilent(host.lastSeenAt, now)) return false
  const isAtRest = ({ row, facts }: ContainerRecord): boolean =>
    host.reportedVersion >= row.targetVersion &&
    facts !== undefined &&
    facts.state !== 'running' &&
    !facts.busy
  return (
    records.every(isAtRest) &&
    host.foreignContainers.length === 0 &&
    host.reportedVersion >= host.targetVersion
  )
}

const isAlive = ({ decide }: Model, { intent, facts }: ContainerRecord): boolean =>
  !['stopped', 'failed', 'deleting'].includes(decide.statusOf(intent, facts).status)

const isGivenUp = ({ row }: ContainerRecord): boolean => row.holds && row.verdictAttempt === row.attempt

const verdict = ({ row }: ContainerRecord, verdictCode: string): Partial<ContainerRow> => ({
  verdictAttempt: row.attempt,
  verdictCode,
  verdictMessage: verdictCode,
})

function setState(model: Model, { uuid: hostUuid }: Host, state: Host['state'], now: Date): void {
  updateHost(model, hostUuid, { state, stateSince: now })
  model.tables.hostEvents.push({ hostUuid, at: now, type: state })
}
