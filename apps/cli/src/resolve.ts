import { type Container, GpulabError } from '@gpulab/contract'
import type { ApiContext } from './base-command.ts'
import { listAll } from './pages.ts'

const fullUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const uuidPrefix = /^[0-9a-f-]{6,35}$/i
const name = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/

type Lookup = Pick<ApiContext, 'api' | 'signal'>

/** The container that a full uuid, a unique prefix of one (six characters or more) or an exact name means. */
export async function resolveContainer(lookup: Lookup, reference: string): Promise<Container> {
  const { api, signal } = lookup
  const wanted = withoutDots(reference)
  if (fullUuid.test(wanted)) {
    return api.containers
      .get({ params: { uuid: wanted.toLowerCase() } }, { signal })
      .catch((error: unknown) => {
        throw isMissing(error) ? notFound(reference) : error
      })
  }
  const candidates = await listCandidates(lookup, wanted)
  return chooseContainer(reference, candidates)
}

/** As above, without a request for what is a full uuid already. */
export async function resolveUuid(lookup: Lookup, reference: string): Promise<string> {
  const wanted = withoutDots(reference)
  return fullUuid.test(wanted) ? wanted.toLowerCase() : (await resolveContainer(lookup, reference)).uuid
}

async function listCandidates({ api, signal }: Lookup, wanted: string): Promise<Container[]> {
  if (uuidPrefix.test(wanted)) return listAll((page) => api.containers.list({ query: page }, { signal }))
  if (!name.test(wanted)) return []
  return listAll((page) => api.containers.list({ query: { ...page, name: wanted } }, { signal }))
}

/**
 * The only one that the reference can mean; a name and a prefix weigh the same. One that is being deleted gives way:
 * its name may belong to its successor already.
 */
export function chooseContainer<T extends Pick<Container, 'uuid' | 'name' | 'status'>>(
  reference: string,
  candidates: readonly T[],
): T {
  const wanted = withoutDots(reference)
  const prefix = uuidPrefix.test(wanted) ? wanted.toLowerCase() : undefined
  const all = candidates.filter(
    (candidate) => candidate.name === wanted || (prefix !== undefined && candidate.uuid.startsWith(prefix)),
  )
  const staying = all.filter(({ status }) => status !== 'deleting')
  const matches = staying.length > 0 ? staying : all
  const [only] = matches
  if (only && matches.length === 1) return only
  if (!only) throw notFound(reference)
  throw new GpulabError('reference_ambiguous', {
    message: `"${reference}" matches ${matches.length} containers: ${matches.map((match) => `${match.name} (${match.uuid})`).join(', ')}.`,
    hint: 'Give the full uuid.',
    details: { candidates: matches.map((match) => ({ uuid: match.uuid, name: match.name })) },
  })
}

/** As `gpulab ls` prints it: "3f2a9c1e...". */
const withoutDots = (reference: string): string => reference.replace(/(\.\.\.|…)$/, '')

const isMissing = (error: unknown): boolean =>
  error instanceof GpulabError && error.code === 'container_not_found'

const notFound = (reference: string): GpulabError =>
  new GpulabError('container_not_found', {
    message: `There is no container "${reference}".`,
    hint: /^[0-9a-f-]{1,5}$/i.test(reference)
      ? 'A uuid needs at least its first 6 characters; gpulab ls shows them.'
      : 'Run gpulab ls to see your containers.',
  })
