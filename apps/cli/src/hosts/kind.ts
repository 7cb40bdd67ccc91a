import { type Kind, type Lookup, type Named, resolve, resolveUuid } from '../resolve.ts'

export const hostKind: Kind<Named> = {
  noun: 'host',
  notFound: 'host_not_found',
  listCommand: 'gpulab hosts',
  namePattern: /^[a-zA-Z0-9][\w.-]{0,252}$/,
  get: ({ api, signal }, uuid) => api.hosts.get({ params: { uuid } }, { signal }),
  list: ({ api, signal }, query) => api.hosts.list({ query }, { signal }),
  isLeaving: () => false,
}

export const resolveHost = (lookup: Lookup, reference: string): Promise<Named> =>
  resolve(hostKind, lookup, reference)

export const resolveHostUuid = (lookup: Lookup, reference: string): Promise<string> =>
  resolveUuid(hostKind, lookup, reference)
