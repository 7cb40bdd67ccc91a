import { GpulabError, type TargetVolume, type Volume } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries } from '../db/connect.ts'
import { decodeCursor, encodeCursor, toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { toVolume } from './present.ts'
import { findVolume, listVolumes, listVolumesOfHost, type VolumeRecord } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

export const volumeNotFound = (reference: string): GpulabError =>
  new GpulabError('volume_not_found', {
    message: `There is no volume ${reference}.`,
    hint: 'gpulab volumes shows yours.',
  })

/** The team's volume; another team's is as missing as one that never was. */
export async function getVolume(
  { db }: { db: Queries },
  { teamUuid }: Pick<Principal, 'teamUuid'>,
  uuid: string,
): Promise<VolumeRecord> {
  const record = await findVolume(db, teamUuid, uuid)
  if (!record) throw volumeNotFound(uuid)
  return record
}

export async function showVolume(deps: Parts, principal: Principal, uuid: string): Promise<Volume> {
  return toVolume(await getVolume(deps, principal, uuid), deps.clock.now())
}

export async function pageVolumes(
  { db, clock }: Parts,
  { teamUuid }: Principal,
  { limit, cursor, name }: { limit: number; cursor: string | undefined; name: string | undefined },
) {
  const after = cursor === undefined ? undefined : decodeCursor(cursor)
  const rows = await listVolumes(db, teamUuid, { name, after, limit: limit + 1 })
  const page = toPage(rows, limit, ({ row }) => encodeCursor({ at: row.createdAt, uuid: row.uuid }))
  return { ...page, items: page.items.map((record) => toVolume(record, clock.now())) }
}

/** What a host shall do about volumes. */
export async function listTargetVolumes(db: Queries, hostUuid: string): Promise<TargetVolume[]> {
  const rows = await listVolumesOfHost(db, hostUuid)
  return rows.map((row) => ({
    uuid: row.uuid,
    driver: row.driver,
    size_bytes: row.sizeBytes,
    generation: row.generation,
    desired: row.desired === 'deleted' ? 'absent' : 'present',
    manages: row.hostUuid === hostUuid,
    was_made: row.madeSizeBytes !== null,
    team_uuid: row.teamUuid,
  }))
}
