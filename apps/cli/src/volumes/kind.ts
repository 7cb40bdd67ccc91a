import type { Volume } from '@gpulab/contract'
import { type Kind, type Lookup, resolve, resolveUuid } from '../resolve.ts'

export const volumeKind: Kind<Volume> = {
  noun: 'volume',
  notFound: 'volume_not_found',
  listCommand: 'gpulab volumes',
  namePattern: /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
  get: ({ api, signal }, uuid) => api.volumes.get({ params: { uuid } }, { signal }),
  list: ({ api, signal }, query) => api.volumes.list({ query }, { signal }),
  isLeaving: ({ status }) => status === 'deleting',
}

export const resolveVolume = (lookup: Lookup, reference: string): Promise<Volume> =>
  resolve(volumeKind, lookup, reference)

export const resolveVolumeUuid = (lookup: Lookup, reference: string): Promise<string> =>
  resolveUuid(volumeKind, lookup, reference)
