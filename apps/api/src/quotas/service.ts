import { describeSize, GpulabError, type Quotas } from '@gpulab/contract'
import type { Queries, Transaction } from '../db/connect.ts'
import { countContainers, findQuota, lockQuota, noQuota, type QuotaRow, storeQuota } from './store.ts'

const words = {
  gpus: 'GPUs',
  containers: 'containers',
  volumes: 'volumes',
  volumeBytes: 'of volumes',
  sessions: 'sessions at a time',
} as const

/** Throws `quota_exceeded` unless so much more is within the quota. */
export function requireWithin(
  quota: QuotaRow,
  resource: keyof QuotaRow,
  { used, wanted }: { used: number; wanted: number },
): void {
  const limit = quota[resource]
  if (limit === null || wanted <= 0 || used + wanted <= limit) return
  const show = resource === 'volumeBytes' ? (bytes: number) => describeSize(bytes, 'down') : String
  throw new GpulabError('quota_exceeded', {
    message: `Your team may have ${show(limit)} ${words[resource]} and has ${show(used)}; this asks for ${show(wanted)} more.`,
    hint: 'Stop or delete what you do not need, or ask your administrator for more.',
    details: { resource: toKey(resource), limit, used, wanted },
  })
}

/**
 * Holds the team's quota until the transaction ends, and throws unless so many more containers and cards are within it.
 * Whoever calls has locked the hosts that it locks.
 */
export async function requireQuota(
  tx: Transaction,
  teamUuid: string,
  { containers = 0, gpus = 0 }: { containers?: number; gpus?: number },
): Promise<void> {
  const quota = await lockQuota(tx, teamUuid)
  if (!quota || (quota.containers === null && quota.gpus === null)) return
  const used = await countContainers(tx, teamUuid)
  requireWithin(quota, 'containers', { used: used.containers, wanted: containers })
  requireWithin(quota, 'gpus', { used: used.gpus, wanted: gpus })
}

export { noQuota }

export type QuotaChange = { readonly [K in keyof Quotas]?: Quotas[K] | undefined }

/** Limits that are not named stay as they are. What is over a new one stays, and nothing is added to it. */
export async function changeQuota(
  db: Queries,
  teamUuid: string,
  { volume_bytes: volumeBytes, ...rest }: QuotaChange,
): Promise<void> {
  const before = (await findQuota(db, teamUuid)) ?? noQuota
  const given = Object.entries({ ...rest, volumeBytes }).filter(([, value]) => value !== undefined)
  await storeQuota(db, teamUuid, { ...before, ...Object.fromEntries(given) })
}

const toKey = (resource: keyof QuotaRow): string => (resource === 'volumeBytes' ? 'volume_bytes' : resource)

export const toQuotas = ({ volumeBytes, ...rest }: QuotaRow): Quotas => ({
  ...rest,
  volume_bytes: volumeBytes,
})
