import { GpulabError, type JoinToken } from '@gpulab/contract'
import { createKey, hashKey } from '../../auth/api-keys.ts'
import type { Deps } from '../../deps.ts'
import type { Remember } from '../../idempotency/service.ts'
import { insertJoinToken } from './store.ts'

export interface Invitation {
  readonly hostName?: string | undefined
  readonly ttlSeconds: number
  readonly uses: number
  /** The administrator; null where it was made beside the database. */
  readonly createdBy: string | null
}

/** Makes a token with which machines may join. It cannot be shown again, so no request gets it twice. */
export async function inviteHost(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  { hostName, ttlSeconds, uses, createdBy }: Invitation,
  remember: Remember = async () => {},
): Promise<JoinToken> {
  if (hostName !== undefined && uses > 1) {
    throw new GpulabError('invalid_request', {
      message: 'A token that names a host is for one machine, so it has one use.',
      hint: 'Leave out either the name or the number of uses.',
    })
  }
  const { id, key } = createKey('gpulabjoin')
  const now = clock.now()
  const expiresAt = new Date(now.getTime() + ttlSeconds * 1000)
  const row = {
    id,
    hash: hashKey(config.pepper, key),
    hostName: hostName ?? null,
    createdBy,
    createdAt: now,
    expiresAt,
    usesLeft: uses,
  }
  await db.transaction(async (tx) => {
    await insertJoinToken(tx, row)
    await remember(tx, null)
  })
  return { token: key, host_name: hostName ?? null, uses, expires_at: expiresAt.toISOString() }
}
