import type { Container } from '@gpulab/contract'
import { type Kind, type HotLookup, resolve, resolveUuid, toPathPart } from '../resolve.ts'

export const containerKind: Kind<Container, HotLookup> = {
  noun: 'container',
  notFound: 'container_not_found',
  listCommand: 'gpulab ls',
  namePattern: /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
  get: ({ api, signal }, uuid) => api.containers.get({ params: { uuid } }, { signal }),
  list: ({ api, signal }, query) => api.containers.list({ query }, { signal }),
  isLeaving: ({ status }) => status === 'deleting',
}

export const resolveContainer = (lookup: HotLookup, reference: string): Promise<Container> =>
  resolve(containerKind, lookup, reference)

/** A container that has not been looked for. */
export interface ContainerReference {
  /** For a path that takes a uuid or a name. */
  readonly pathPart: string | undefined
  readonly uuid: () => Promise<string>
}

export const referTo = (lookup: HotLookup, reference: string): ContainerReference => ({
  pathPart: toPathPart(containerKind, reference),
  uuid: () => resolveContainerUuid(lookup, reference),
})

export const resolveContainerUuid = (lookup: HotLookup, reference: string): Promise<string> =>
  resolveUuid(containerKind, lookup, reference)
