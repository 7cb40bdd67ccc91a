import type { Deps } from '../deps.ts'
import { createKey, hashKey, scopes } from './api-keys.ts'
import { ensureUser, insertApiKey } from './store.ts'

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
    const userUuid = await ensureUser(tx, email, team)
    await insertApiKey(tx, {
      id,
      userUuid,
      name: 'bootstrap',
      hash: hashKey(config.pepper, key),
      scopes: [...scopes],
    })
  })
  return { email, apiKey: key }
}
