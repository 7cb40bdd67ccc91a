import type { Transaction } from '../db/connect.ts'
import { requireWithin } from '../quotas/service.ts'
import { lockQuota } from '../quotas/store.ts'
import { countVolumes } from './store.ts'

/**
 * Holds the team's quota until the transaction ends, and throws unless so much more is within it. Whoever calls has
 * locked the host.
 */
export async function requireVolumeQuota(
  tx: Transaction,
  teamUuid: string,
  { volumes = 0, bytes }: { readonly volumes?: number; readonly bytes: number },
): Promise<void> {
  const quota = await lockQuota(tx, teamUuid)
  if (!quota || (quota.volumes === null && quota.volumeBytes === null)) return
  const used = await countVolumes(tx, teamUuid)
  requireWithin(quota, 'volumes', { used: used.volumes, wanted: volumes })
  requireWithin(quota, 'volumeBytes', { used: used.bytes, wanted: bytes })
}
