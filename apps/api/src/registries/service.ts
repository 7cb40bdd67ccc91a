import { GpulabError, type RegistryLogin, type TargetContainer } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import { checkRegistry } from '../containers/check-image.ts'
import { findRegistry, isRegistry, toRegistry } from '../containers/image-reference.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { decrypt, encrypt } from '../secrets/encryption.ts'
import { deleteLogin, listLogins, type RegistryLoginRow, upsertLogin } from './store.ts'

export async function pageLogins(
  { db }: Pick<Deps, 'db'>,
  { teamUuid }: Principal,
  { cursor: after, limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await listLogins(db, teamUuid, { after, limit: limit + 1 })
  const page = toPage(rows, limit, ({ registry }) => registry)
  return { ...page, items: page.items.map(toRegistryLogin) }
}

/** Stores it unchecked: the hosts reach the registry, while the control plane may not. */
export async function logIn(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  { teamUuid }: Principal,
  { registry: host, username, password }: { registry: string; username: string; password: string },
): Promise<RegistryLogin> {
  if (!isRegistry(host)) {
    throw new GpulabError('invalid_request', {
      message: `"${host}" is not the name of a registry.`,
      hint: 'Write what stands before the first slash of its images, like ghcr.io; docker.io for Docker Hub.',
    })
  }
  const registry = toRegistry(host)
  checkRegistry(registry, config.registries)
  const id = randomUUID()
  const sealed = encrypt(config.encryptionKey, password, id)
  const row = { teamUuid, registry, id, username, password: sealed, updatedAt: clock.now() }
  await upsertLogin(db, row)
  return toRegistryLogin(row)
}

export async function logOut({ db }: Pick<Deps, 'db'>, { teamUuid }: Principal, host: string): Promise<void> {
  const isForgotten = await deleteLogin(db, teamUuid, toRegistry(host))
  if (isForgotten) return
  throw new GpulabError('registry_login_not_found', {
    message: `Your team is not logged in to ${host}.`,
    hint: 'gpulab registries lists where it is.',
  })
}

/** The one for where an image comes from. */
export function chooseLogin(
  encryptionKey: Buffer,
  image: string,
  logins: readonly RegistryLoginRow[],
): TargetContainer['registry_login'] {
  const registry = findRegistry(image)
  const login = logins.find((each) => each.registry === registry)
  if (!login) return null
  const { id, username, password } = login
  return { id, username, password: decrypt(encryptionKey, password, id) }
}

const toRegistryLogin = ({ registry, username, updatedAt }: RegistryLoginRow): RegistryLogin => ({
  registry,
  username,
  updated_at: updatedAt.toISOString(),
})
