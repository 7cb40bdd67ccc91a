import type { Container } from '@gpulab/contract'
import type { Deps } from '../deps.ts'
import { decrypt } from '../secrets/encryption.ts'
import { type ContainerRecord, readEnvironments } from './store.ts'
import { toContainer } from './view.ts'

const mask = '********'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

/** Containers as their owner sees them, with their environments masked unless asked for, and secrets always. */
export async function present(
  { db, config, clock }: Parts,
  records: readonly ContainerRecord[],
  { showEnv = false } = {},
): Promise<Container[]> {
  const unread = records.filter(({ env }) => !env).map(({ row }) => row.uuid)
  const environments = await readEnvironments(db, unread)
  return records.map((record) => {
    const sealed = record.env ?? environments.get(record.row.uuid)
    const env = sealed ? openEnvironment(config, record.row.uuid, sealed) : {}
    const hidden = showEnv ? record.row.secretKeys : Object.keys(env)
    return toContainer(record, { ...viewOf({ config, clock }), env: { ...env, ...toMasked(hidden) } })
  })
}

/** One that was just made, with the environment that it was given. */
export const presentNew = (
  parts: Pick<Parts, 'config' | 'clock'>,
  record: ContainerRecord,
  env: Readonly<Record<string, string>>,
): Container => toContainer(record, { ...viewOf(parts), env: toMasked(Object.keys(env)) })

const viewOf = ({ config, clock }: Pick<Parts, 'config' | 'clock'>) => ({
  now: clock.now(),
  proxyUrl: config.proxyUrl,
})

const toMasked = (keys: readonly string[]): Record<string, string> =>
  Object.fromEntries(keys.map((key) => [key, mask]))

export async function presentOne(
  deps: Parts,
  record: ContainerRecord,
  options?: { showEnv: boolean },
): Promise<Container> {
  const [container] = await present(deps, [record], options)
  // One in, one out.
  return container as Container
}

/** A container's own environment variables, decrypted. */
export const openEnvironment = (
  { encryptionKey }: Pick<Deps['config'], 'encryptionKey'>,
  uuid: string,
  sealed: Buffer,
): Record<string, string> => JSON.parse(decrypt(encryptionKey, sealed, uuid)) as Record<string, string>
