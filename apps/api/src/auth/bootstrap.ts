import { keyScopes } from '@gpulab/contract'
import type { Deps } from '../deps.ts'
import { createKey, hashKey } from './api-keys.ts'
import { ensureAdministrator, insertApiKey } from './store.ts'

export interface Bootstrapped {
  readonly email: string
  readonly apiKey: string
}

/**
 * Makes the first administrator, and a new key for it. Whoever can run this has database and pepper in hand already,
 * so it is also the way back in when the last key is lost.
 */
export async function bootstrap(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  { email, team }: { email: string; team: string },
): Promise<Bootstrapped> {
  const { id, key } = createKey()
  await db.transaction(async (tx) => {
    const userUuid = await ensureAdministrator(tx, email.toLowerCase(), team)
    await insertApiKey(tx, {
      id,
      userUuid,
      name: 'bootstrap',
      hash: hashKey(config.pepper, key),
      scopes: [...keyScopes],
    })
  })
  return { email, apiKey: key }
}
