import { GpulabError, type SshKey } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import { isDuplicate } from '../db/errors.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { parsePublicKey } from './parse-public-key.ts'
import { deleteSshKey, findSshKey, insertSshKey, listSshKeys, type SshKeyRow } from './store.ts'

export async function pageSshKeys(
  { db }: Pick<Deps, 'db'>,
  { userUuid }: Principal,
  { cursor: after, limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await listSshKeys(db, userUuid, { after, limit: limit + 1 })
  const page = toPage(rows, limit, ({ name }) => name)
  return { ...page, items: page.items.map(toSshKey) }
}

export async function getSshKey(
  { db }: Pick<Deps, 'db'>,
  { userUuid }: Principal,
  uuid: string,
): Promise<SshKey> {
  const row = await findSshKey(db, userUuid, uuid)
  if (row) return toSshKey(row)
  throw new GpulabError('ssh_key_not_found', {
    message: `There is no SSH key ${uuid}.`,
    hint: 'gpulab ssh-keys lists yours.',
  })
}

export async function addSshKey(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { userUuid }: Principal,
  { name, public_key: text }: { name: string; public_key: string },
  remember: Remember,
): Promise<SshKey> {
  const row = { uuid: randomUUID(), userUuid, name, ...parsePublicKey(text), createdAt: clock.now() }
  try {
    await db.transaction(async (tx) => {
      await insertSshKey(tx, row)
      await remember(tx, row.uuid)
    })
  } catch (error) {
    if (isDuplicate(error, 'ssh_keys_name')) {
      throw new GpulabError('ssh_key_exists', {
        message: `You have an SSH key named ${name} already.`,
        hint: 'Choose another name, or remove that one first.',
      })
    }
    if (isDuplicate(error, 'ssh_keys_fingerprint')) {
      throw new GpulabError('ssh_key_exists', {
        message: `The key ${row.fingerprint} is in use already.`,
        hint: "A key is one user's, under one name: gpulab ssh-keys lists yours.",
        details: { fingerprint: row.fingerprint },
      })
    }
    throw error
  }
  return toSshKey(row)
}

export async function removeSshKey(
  deps: Pick<Deps, 'db'>,
  principal: Principal,
  uuid: string,
): Promise<void> {
  await getSshKey(deps, principal, uuid)
  await deleteSshKey(deps.db, uuid)
}

const toSshKey = ({ uuid, name, type, key, fingerprint, comment, createdAt }: SshKeyRow): SshKey => ({
  uuid,
  name,
  type,
  fingerprint,
  comment,
  public_key: `${type} ${key}`,
  created_at: createdAt.toISOString(),
})
