import type { Container } from '@gpulab/contract'
import type { Deps } from '../deps.ts'
import { decrypt } from '../secrets/encryption.ts'
import type { ContainerRecord } from './store.ts'
import { toContainer } from './view.ts'

const mask = '********'

/** The container as its owner sees it, with its environment masked unless asked for. */
export function present(
  { config, clock }: Pick<Deps, 'config' | 'clock'>,
  record: ContainerRecord,
  showEnv = false,
): Container {
  const env = readEnv(config, record)
  const shown = showEnv ? env : Object.fromEntries(Object.keys(env).map((key) => [key, mask]))
  return toContainer(record, { now: clock.now(), proxyUrl: config.proxyUrl, env: shown })
}

/** The container's own environment variables, decrypted. */
export const readEnv = (
  { encryptionKey }: Pick<Deps['config'], 'encryptionKey'>,
  { row }: ContainerRecord,
): Record<string, string> => JSON.parse(decrypt(encryptionKey, row.env, row.uuid)) as Record<string, string>
