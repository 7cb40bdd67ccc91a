import { type ApiKey, GpulabError, type KeyScope, type NewApiKey } from '@gpulab/contract'
import { createKey, hashKey } from '../auth/api-keys.ts'
import type { Principal } from '../auth/authenticate.ts'
import { insertApiKey } from '../auth/store.ts'
import { decodeCursor, encodeCursor, toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { findKeyOf, type ListedKey, listKeys, type Owner, revokeKey } from './store.ts'

const idShape = /^[0-9A-Za-z]{8}$/

/** Whose keys this principal deals with: an owner the team's, others their own. */
export const reachOf = ({ role, teamUuid, userUuid }: Principal): Owner =>
  role === 'owner' ? { teamUuid } : { userUuid }

export async function pageKeys(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  owner: Owner,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, idShape)
  const rows = await listKeys(db, owner, { after, limit: limit + 1 })
  const page = toPage(rows, limit, ({ createdAt, id }) => encodeCursor({ at: createdAt, uuid: id }))
  return { ...page, items: page.items.map((row) => toApiKey(row, clock.now())) }
}

export interface NewKey {
  readonly name: string
  readonly scopes: readonly KeyScope[] | undefined
  readonly expires_in?: number | undefined
}

/** Makes a key that may do what its maker may at most, and does not outlive it: a stolen key gives no better one. */
export async function createOwnKey(
  deps: Pick<Deps, 'db' | 'config' | 'clock'>,
  principal: Principal,
  input: NewKey,
  remember: Remember,
): Promise<NewApiKey> {
  const excess = input.scopes?.filter((scope) => !principal.scopes.includes(scope)) ?? []
  if (excess.length > 0) {
    throw new GpulabError('scope_missing', {
      message: `The API key that you use lacks the scope "${excess[0]}", so it cannot give it.`,
      hint: `It has: ${principal.scopes.join(', ')}.`,
      details: { scope: excess[0], scopes: principal.scopes },
    })
  }
  const scopes = input.scopes ?? (principal.scopes as KeyScope[])
  return createKeyFor(deps, principal.userUuid, { ...input, scopes, notAfter: principal.expiresAt }, remember)
}

/** Without scopes: all but those of administrators. */
export async function createKeyFor(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  userUuid: string,
  {
    name,
    scopes = ['read', 'write', 'exec'],
    expires_in,
    notAfter = null,
  }: NewKey & { notAfter?: Date | null },
  remember: Remember,
): Promise<NewApiKey> {
  const { id, key } = createKey()
  const createdAt = clock.now()
  const wanted = expires_in === undefined ? null : new Date(createdAt.getTime() + expires_in * 1000)
  const expiresAt = notAfter !== null && (wanted === null || wanted > notAfter) ? notAfter : wanted
  const row = {
    id,
    userUuid,
    name,
    hash: hashKey(config.pepper, key),
    scopes: [...new Set(scopes)],
    createdAt,
    expiresAt,
  }
  const made = await db.transaction(async (tx) => {
    await insertApiKey(tx, row)
    await remember(tx, null)
    return findKeyOf(tx, {}, id)
  })
  if (!made) throw new Error(`Key ${id} was not stored`)
  return { ...toApiKey(made, createdAt), key }
}

/** As often as one likes. */
export async function revokeKeyOf(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  owner: Owner,
  id: string,
): Promise<void> {
  const found = await findKeyOf(db, owner, id)
  if (!found) {
    throw new GpulabError('api_key_not_found', {
      message: `There is no API key ${id}.`,
      hint: 'gpulab api-keys lists them.',
    })
  }
  await revokeKey(db, id, clock.now())
}

function toApiKey(row: ListedKey, now: Date): ApiKey {
  const { id, name, scopes, userUuid, email, createdAt, expiresAt, lastUsedAt } = row
  return {
    id,
    name,
    user: { uuid: userUuid, email },
    scopes,
    status: statusOf(row, now),
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: lastUsedAt?.toISOString() ?? null,
  }
}

function statusOf({ revokedAt, expiresAt, disabledAt }: ListedKey, now: Date): string {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt !== null && expiresAt <= now) return 'expired'
  return disabledAt === null ? 'active' : 'disabled'
}
