import { type CallInput, type Endpoint, GpulabError, pathOf } from '@gpulab/contract'
import type { Context } from '@gpulab/http'
import { createHash } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries } from '../db/connect.ts'
import type { Deps } from '../deps.ts'
import { deleteKey, findKey, insertKey, insertKeyAndEntry } from './store.ts'

/**
 * Notes that a request is carried out, and on which object: in the transaction that does so, or before what no
 * transaction holds.
 */
export type Remember = (db: Queries, resource: string | null) => Promise<void>

/** As above, in one statement with the audit entry of what is about to be done, whose id it gives; undefined without a key. */
export type RememberWith = (
  entry: Parameters<typeof insertKeyAndEntry>[2],
  resource: string,
) => Promise<number | undefined>

/** Takes that back, where it turns out that nothing was done. */
export type Forget = (db: Queries) => Promise<void>

interface Handlers<T> {
  readonly run: (remember: Remember, forget: Forget, rememberWith: RememberWith) => Promise<T>
  /** The answer to a repeated request, of the object that the first one made or changed. */
  readonly replay: (resource: string) => Promise<T>
  /**
   * It is not asked first whether it is a repeated request: remembering, before which `run` does nothing that it does not take
   * back, fails for one.
   */
  readonly isRarelyRepeated?: boolean
}

/**
 * Carries a request out at most once for each `Idempotency-Key` of a user. Failures are not remembered: they have
 * changed nothing, so that trying again is what their caller wants.
 */
export async function once<T>(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  endpoint: Endpoint,
  input: { readonly params?: object; readonly body?: unknown },
  { principal, idempotencyKey: key }: Pick<Context<Principal>, 'principal' | 'idempotencyKey'>,
  { run, replay, isRarelyRepeated = false }: Handlers<T>,
): Promise<T> {
  if (key === undefined)
    return run(
      async () => {},
      async () => {},
      async () => undefined,
    )
  const fingerprint = toFingerprint(endpoint, input)
  const { userUuid } = principal
  const repeat = async (): Promise<{ answer: T } | undefined> => {
    const row = await findKey(db, userUuid, key)
    if (!row) return undefined
    if (!fingerprint.equals(row.fingerprint)) {
      throw new GpulabError('idempotency_key_reused', { hint: 'Use a new key for each request.' })
    }
    if (row.resource === null) {
      throw new GpulabError('idempotency_replayed', { hint: 'Look at its effects; a new key does it again.' })
    }
    return { answer: await replay(row.resource) }
  }

  const known = isRarelyRepeated ? undefined : await repeat()
  if (known) return known.answer
  let isRemembered = false
  const toRow = (resource: string | null) => ({
    userUuid,
    key,
    fingerprint,
    resource,
    createdAt: clock.now(),
  })
  try {
    return await run(
      async (tx, resource) => {
        await insertKey(tx, toRow(resource))
        isRemembered = true
      },
      (tx) => deleteKey(tx, userUuid, key),
      async (entry, resource) => {
        const id = await insertKeyAndEntry(db, toRow(resource), entry)
        isRemembered = true
        return id
      },
    )
  } catch (error) {
    // The same request may have been under way: that it was carried out meanwhile is then the reason of the failure, be
    // it the key, the name or the last card that it took.
    const other = isRemembered ? undefined : await repeat()
    if (!other) throw error
    return other.answer
  }
}

function toFingerprint(
  endpoint: Endpoint,
  { params = {}, body }: { params?: object; body?: unknown },
): Buffer {
  const path = pathOf(endpoint, { params } as CallInput<Endpoint>)
  return createHash('sha256')
    .update(JSON.stringify([endpoint.method, path, body ?? null]))
    .digest()
}
