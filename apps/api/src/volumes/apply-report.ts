import type { VolumeFacts, VolumeReport } from '@gpulab/contract'
import type { HostPrincipal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { bootReplaced } from '../hosts/apply-report.ts'
import { bumpTarget, lockHost } from '../hosts/store.ts'
import { decideVolume } from './decide-volume.ts'
import { listManaged, updateVolume, upsertVolumeFacts } from './store.ts'

/** Takes what a host says of the volumes that it manages. What it says of others is only its own view of them. */
export async function applyVolumeReport(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { hostUuid, hostName }: HostPrincipal,
  { boot_id: bootId, volumes }: VolumeReport,
): Promise<void> {
  const now = clock.now()
  await db.transaction(async (tx) => {
    const host = await lockHost(tx, hostUuid)
    if (host?.bootId !== bootId) throw bootReplaced(hostName)
    const reported = new Map<string, VolumeFacts>(volumes.map((facts) => [facts.uuid, facts]))
    let isWishChanged = false
    for (const { row, facts: before } of await listManaged(tx, hostUuid)) {
      const facts = reported.get(row.uuid)
      if (!facts) continue
      const decision = decideVolume(row, facts, now)
      await upsertVolumeFacts(tx, {
        ...decision.facts,
        usedBytes: facts.used_bytes ?? before?.usedBytes ?? null,
      })
      if (Object.keys(decision.change).length > 0) await updateVolume(tx, row.uuid, decision.change)
      isWishChanged ||= decision.isWishChanged
    }
    if (isWishChanged) await bumpTarget(tx, hostUuid)
  })
}
