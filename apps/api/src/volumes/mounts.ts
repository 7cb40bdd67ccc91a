import { type CreateContainer, GpulabError } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries, Transaction } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { isSilent } from '../containers/view.ts'
import { checkMountPaths } from './mount-paths.ts'
import { volumeNotFound } from './service.ts'
import { requireMountable, volumeStatusOf } from './status.ts'
import { findReferenced, holdVolumes, insertMounts, type VolumeRecord } from './store.ts'

/** A volume as a container is to see it. */
export interface ContainerMount {
  readonly volumeUuid: string
  readonly mountPath: string
  readonly readOnly: boolean
}

export interface Mounts {
  readonly mounts: readonly ContainerMount[]
  /** The host of local ones. */
  readonly pinnedTo: string | null
  readonly volumeDrivers: string[]
}

/** Finds the volumes that a container is to have, and where it can have them. */
export async function resolveMounts(
  { db, clock }: Pick<Deps, 'clock'> & { readonly db: Queries },
  { teamUuid }: Pick<Principal, 'teamUuid'>,
  wanted: CreateContainer['volumes'],
): Promise<Mounts> {
  if (wanted.length === 0) return { mounts: [], pinnedTo: null, volumeDrivers: [] }
  const paths = checkMountPaths(wanted.map(({ mount_path: path }) => path))
  const found = await findReferenced(
    db,
    teamUuid,
    wanted.map(({ name }) => name),
  )
  const records = wanted.map(({ name }) => {
    const record = found.find(({ row }) => row.uuid === name.toLowerCase() || row.name === name)
    if (!record) throw volumeNotFound(name)
    const { row, facts, host } = record
    requireMountable(row, volumeStatusOf(row, facts, isSilent(host.lastSeenAt, clock.now())))
    return record
  })
  return {
    mounts: wanted.map(({ read_only: readOnly }, index) => ({
      volumeUuid: (records[index] as VolumeRecord).row.uuid,
      mountPath: paths[index] as string,
      readOnly,
    })),
    pinnedTo: findOnlyHost(records),
    volumeDrivers: [...new Set(records.map(({ row }) => row.driver))],
  }
}

function findOnlyHost(records: readonly VolumeRecord[]): string | null {
  const local = records.filter(({ row }) => row.driver === 'local')
  const hosts = new Map(local.map(({ host }) => [host.uuid, host.name]))
  if (hosts.size <= 1) return local[0]?.host.uuid ?? null
  const places = local.map(({ row, host }) => `${row.name} on ${host.name}`)
  throw new GpulabError('volumes_apart', {
    message: `No container can have these volumes together: ${places.join(', ')}.`,
    hint: 'Copy one to a volume on the other host (gpulab volumes cp), or use volumes that hosts share.',
  })
}

/** Stores what a container has, in the transaction that stores it: from then on none of them can be deleted. */
export async function attachMounts(
  tx: Transaction,
  containerUuid: string,
  mounts: readonly ContainerMount[],
): Promise<void> {
  if (mounts.length === 0) return
  const held = new Set(
    await holdVolumes(
      tx,
      mounts.map(({ volumeUuid }) => volumeUuid),
    ),
  )
  const missing = mounts.find(({ volumeUuid }) => !held.has(volumeUuid))
  if (missing) throw volumeNotFound(missing.volumeUuid)
  await insertMounts(
    tx,
    mounts.map((mount, position) => ({ ...mount, containerUuid, position })),
  )
}
