import type { Volume } from '@gpulab/contract'
import { isSilent } from '../containers/view.ts'
import { volumeStatusOf } from './status.ts'
import type { VolumeRecord } from './store.ts'

export function toVolume({ row, facts, host, containers }: VolumeRecord, now: Date): Volume {
  const { status, reason } = volumeStatusOf(row, facts, isSilent(host.lastSeenAt, now))
  return {
    uuid: row.uuid,
    name: row.name,
    status,
    status_reason: reason,
    driver: row.driver,
    size_bytes: row.sizeBytes,
    used_bytes: facts?.usedBytes ?? null,
    enforced: facts && row.madeSizeBytes !== null ? facts.enforced : null,
    shared: row.driver !== 'local',
    host: row.driver === 'local' ? host.name : null,
    containers: containers.map(({ uuid, name, mountPath, readOnly }) => ({
      uuid,
      name,
      mount_path: mountPath,
      read_only: readOnly,
    })),
    created_at: row.createdAt.toISOString(),
  }
}
