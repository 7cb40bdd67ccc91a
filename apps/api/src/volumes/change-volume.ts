import { describeSize, GpulabError, type Volume } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { bumpTarget, type LockedHost, lockHost } from '../hosts/store.ts'
import { requireVolumeQuota } from './quota.ts'
import { getVolume, showVolume, volumeNotFound } from './service.ts'
import {
  listAttached,
  lockVolume,
  readFree,
  updateVolume,
  type VolumeRecord,
  type VolumeRow,
} from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

export async function resizeVolume(
  deps: Parts,
  principal: Principal,
  uuid: string,
  sizeBytes: number,
): Promise<Volume> {
  const record = await getVolume(deps, principal, uuid)
  await whileLocked(deps, record, async (tx, row) => {
    if (row.desired === 'deleted') throw volumeNotFound(uuid)
    const noFailure = { failureGeneration: null, failureCode: null, failureMessage: null }
    if (row.sizeBytes === sizeBytes) {
      // What an earlier one failed of is over: it has the size that is asked for.
      if (row.madeSizeBytes === sizeBytes) await updateVolume(tx, uuid, noFailure)
      return
    }
    requireResizable(row)
    if (sizeBytes < row.sizeBytes) requireShrinkable(row, record.facts?.usedBytes ?? null, sizeBytes)
    const freeBytes = await readFree(tx, row.hostUuid, row.driver)
    const moreBytes = sizeBytes - row.sizeBytes
    if (typeof freeBytes === 'number' && moreBytes > 0 && freeBytes < moreBytes)
      throw noRoomToGrow(row, freeBytes)
    await requireVolumeQuota(tx, row.teamUuid, { bytes: moreBytes })
    await updateVolume(tx, uuid, { sizeBytes, generation: row.generation + 1, ...noFailure })
    await bumpTarget(tx, row.hostUuid)
  })
  return showVolume(deps, principal, uuid)
}

const noRoomToGrow = ({ name }: VolumeRow, freeBytes: number): GpulabError =>
  new GpulabError('no_space', {
    message: `The host of volume ${name} has ${describeSize(Math.max(0, freeBytes), 'down')} more for volumes.`,
    hint: 'Ask for less, or copy what is in it to a volume on another host: gpulab volumes cp.',
    details: { free_bytes: Math.max(0, freeBytes) },
  })

function requireResizable({ name, madeSizeBytes }: VolumeRow): void {
  if (madeSizeBytes !== null) return
  throw new GpulabError('volume_wrong_state', {
    message: `Volume ${name} is not there yet.`,
    hint: `gpulab volumes info ${name} shows how far it is.`,
  })
}

function requireShrinkable({ name, driver }: VolumeRow, usedBytes: number | null, sizeBytes: number): void {
  if (driver === 'local') {
    throw new GpulabError('volume_too_small', {
      message: `Volume ${name} is on one host, and such a volume can only grow.`,
      hint: 'Make a smaller one and copy what is in it: gpulab volumes cp.',
      details: { used_bytes: usedBytes },
    })
  }
  if (usedBytes !== null && sizeBytes >= usedBytes) return
  const used = usedBytes === null ? 'an amount that is not known now' : describeSize(usedBytes, 'up')
  throw new GpulabError('volume_too_small', {
    message: `Volume ${name} holds ${used}: it can not be made smaller than that.`,
    hint: 'Delete what is not needed any more first.',
    details: { used_bytes: usedBytes },
  })
}

/**
 * Its host takes it away with all that is in it. A host that an operator has declared dead is not waited for: what was only
 * there is lost, and what hosts share is deleted by the one that takes it over.
 */
export async function removeVolume(deps: Parts, principal: Principal, uuid: string): Promise<void> {
  const record = await getVolume(deps, principal, uuid)
  await whileLocked(deps, record, async (tx, row, host) => {
    if (row.desired === 'deleted') return
    const attached = await listAttached(tx, uuid)
    if (attached.length > 0) throw inUse(row, attached)
    await updateVolume(tx, uuid, {
      desired: 'deleted',
      ...(host.state === 'fenced' && row.driver === 'local' && { deletedAt: deps.clock.now() }),
    })
    await bumpTarget(tx, row.hostUuid)
  })
}

function inUse({ name }: VolumeRow, attached: readonly { uuid: string; name: string }[]): GpulabError {
  const names = attached.map((container) => container.name)
  const shown =
    names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`
  return new GpulabError('volume_in_use', {
    message: `Volume ${name} belongs to ${names.length === 1 ? 'a container' : `${names.length} containers`}: ${shown}.`,
    hint: 'Remove them first (gpulab rm); one that was just removed may still be ending on its host.',
    details: { containers: attached },
  })
}

async function whileLocked(
  { db }: Pick<Parts, 'db'>,
  { row: { uuid, hostUuid } }: VolumeRecord,
  act: (tx: Transaction, row: VolumeRow, host: LockedHost) => Promise<void>,
): Promise<void> {
  await db.transaction(async (tx) => {
    const host = await lockHost(tx, hostUuid)
    const row = await lockVolume(tx, uuid)
    if (!host || !row) throw volumeNotFound(uuid)
    await act(tx, row, host)
  })
}
