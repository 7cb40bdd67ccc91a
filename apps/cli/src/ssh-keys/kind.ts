import type { SshKey } from '@gpulab/contract'
import { type Kind, type Lookup, resolve } from '../resolve.ts'
import { listAll } from '../pages.ts'
import { GpulabError } from '@gpulab/contract'

const sshKeyKind: Kind<SshKey> = {
  noun: 'SSH key',
  notFound: 'ssh_key_not_found',
  listCommand: 'gpulab ssh-keys',
  namePattern: /^[\w.-]{1,63}$/,
  get: async (lookup, uuid) => {
    const found = (await listKeys(lookup)).find((key) => key.uuid === uuid)
    if (!found) throw new GpulabError('ssh_key_not_found')
    return found
  },
  list: async (lookup) => ({ items: await listKeys(lookup), next_cursor: null }),
  isLeaving: () => false,
}

export const listKeys = ({ api, signal }: Lookup): Promise<SshKey[]> =>
  listAll((query) => api.sshKeys.list({ query }, { signal }))

export const resolveSshKey = (lookup: Lookup, reference: string): Promise<SshKey> =>
  resolve(sshKeyKind, lookup, reference)
