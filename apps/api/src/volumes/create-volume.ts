import {
  type CreateVolume,
  describeSize,
  GpulabError,
  type Volume,
  type VolumeDriver,
} from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import { isDuplicate } from '../db/errors.ts'
import type { Deps } from '../deps.ts'
import { requireGpuType } from '../gpus/service.ts'
import { bumpTarget, lockHost } from '../hosts/store.ts'
import type { Remember } from '../idempotency/service.ts'
import { aliveSince } from '../leases/service.ts'
import { requireVolumeQuota } from './quota.ts'
import { showVolume } from './service.ts'
import { insertVolume, listPlaces, readFree } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'config'>

/** Promises the room on the host that has the most of it; the host makes the volume then. */
export async function createVolume(
  deps: Parts,
  principal: Principal,
  input: CreateVolume,
  remember: Remember,
): Promise<Volume> {
  const { db, clock, config } = deps
  const { name, driver = config.volumeDriver, size_bytes: sizeBytes, gpu_type: gpuType } = input
  if (gpuType !== undefined) await requireGpuType({ db }, gpuType, 0)
  const places = await listPlaces(db, driver, { seenAfter: aliveSince(clock.now()), gpuType })
  if (places.length === 0) throw noHost(driver, gpuType)
  const uuid = randomUUID()
  let mostBytes = 0
  try {
    for (const { hostUuid } of places) {
      const isPlaced = await db.transaction(async (tx) => {
        const host = await lockHost(tx, hostUuid)
        const freeBytes = await readFree(tx, hostUuid, driver)
        if (!host || host.removedAt !== null || freeBytes === undefined) return false
        mostBytes = Math.max(mostBytes, freeBytes ?? 0)
        if (freeBytes !== null && freeBytes < sizeBytes) return false
        const { teamUuid, userUuid: createdBy } = principal
        await requireVolumeQuota(tx, teamUuid, { volumes: 1, bytes: sizeBytes })
        await insertVolume(tx, {
          uuid,
          teamUuid,
          createdBy,
          name,
          driver,
          sizeBytes,
          hostUuid,
          createdAt: clock.now(),
        })
        await bumpTarget(tx, hostUuid)
        await remember(tx, uuid)
        return true
      })
      if (isPlaced) return await showVolume(deps, principal, uuid)
    }
  } catch (error) {
    throw isDuplicate(error, 'volumes_name') ? nameTaken(name) : error
  }
  throw noSpace(mostBytes)
}

const noSpace = (freeBytes: number): GpulabError =>
  new GpulabError('no_space', {
    message: `No host has so much disk space free for a volume; the most is ${describeSize(Math.max(0, freeBytes), 'down')}.`,
    hint: 'Ask for less, or have your operator add a host or a disk.',
    details: { free_bytes: Math.max(0, freeBytes) },
  })

function noHost(driver: VolumeDriver, gpuType: string | undefined): GpulabError {
  if (driver === 'local') {
    return new GpulabError('no_space', {
      message: `No host${gpuType === undefined ? '' : ` with ${gpuType} cards`} is connected and open for volumes.`,
      details: { free_bytes: 0 },
    })
  }
  return new GpulabError('not_available', {
    message: `No host that is connected has ${driver} volumes.`,
    hint: 'Leave out --driver for a volume of one host; docs/volumes.md tells operators how to set others up.',
  })
}

const nameTaken = (name: string): GpulabError =>
  new GpulabError('volume_name_taken', {
    message: `There is a volume named ${name} already.`,
    hint: `Choose another name, or gpulab volumes rm ${name} first.`,
  })
