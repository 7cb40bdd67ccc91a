import { type ErrorCode, GpulabError } from '@gpulab/contract'
import type { ApiContext, HotContext } from './context.ts'
import { listAll, type Page } from './pages.ts'

const fullUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const uuidPrefix = /^[0-9a-f-]{6,35}$/i

export type Lookup = Pick<ApiContext, 'api' | 'signal'>
export type HotLookup = Pick<HotContext, 'api' | 'signal'>

export interface Named {
  readonly uuid: string
  readonly name: string
}

/** A kind of object that commands take by uuid, by a prefix of one, or by name. */
export interface Kind<T extends Named, L extends HotLookup = Lookup> {
  /** "container", as errors name it. */
  readonly noun: string
  readonly notFound: ErrorCode
  /** The command that lists them. */
  readonly listCommand: string
  readonly namePattern: RegExp
  readonly get: (lookup: L, uuid: string) => Promise<T>
  readonly list: (lookup: L, query: PageOfName) => Promise<Page<T>>
  /** One that gives way: its name may belong to its successor already. */
  readonly isLeaving: (object: T) => boolean
}

interface PageOfName {
  readonly limit: number
  readonly cursor?: string
  /** Exact; all of them without it. */
  readonly name?: string
}

/** What a full uuid, a unique prefix of one (six characters or more) or an exact name means. */
export async function resolve<T extends Named, L extends HotLookup>(
  kind: Kind<T, L>,
  lookup: L,
  reference: string,
): Promise<T> {
  const wanted = withoutDots(reference)
  if (fullUuid.test(wanted)) {
    return kind.get(lookup, wanted.toLowerCase()).catch((error: unknown) => {
      throw isMissing(kind, error) ? notFound(kind, reference) : error
    })
  }
  return choose(kind, reference, await listCandidates(kind, lookup, wanted))
}

/** As above of several; a failure names all that are wrong. */
export async function resolveAll<T extends Named>(
  kind: Kind<T>,
  lookup: Lookup,
  references: readonly string[],
): Promise<T[]> {
  const found = await Promise.allSettled(references.map((reference) => resolve(kind, lookup, reference)))
  const failures = found.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  const wrong = failures.filter((error) => isWrongReference(kind, error))
  const [first] = wrong
  if (first === undefined || wrong.length < failures.length || wrong.length === 1) {
    for (const failure of failures) throw failure
  } else {
    const sentences = [...new Set(wrong.map(({ message }) => message))]
    const { code, hint } = first
    throw new GpulabError(code, { message: sentences.join(' '), ...(hint !== undefined && { hint }) })
  }
  return found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

const isWrongReference = (kind: Pick<Kind<Named>, 'notFound'>, error: unknown): error is GpulabError =>
  isMissing(kind, error) || (error instanceof GpulabError && error.code === 'reference_ambiguous')

/** As `resolve`, without a request for what is a full uuid already. */
export async function resolveUuid<T extends Named, L extends HotLookup>(
  kind: Kind<T, L>,
  lookup: L,
  reference: string,
): Promise<string> {
  const wanted = withoutDots(reference)
  return fullUuid.test(wanted) ? wanted.toLowerCase() : (await resolve(kind, lookup, reference)).uuid
}

/**
 * What the API is told of it where a path takes a uuid or a name; undefined where only `resolve` can tell which one it is.
 */
export function toPathPart(
  { namePattern }: Pick<Kind<Named>, 'namePattern'>,
  reference: string,
): string | undefined {
  const wanted = withoutDots(reference)
  if (fullUuid.test(wanted)) return wanted.toLowerCase()
  return namePattern.test(wanted) && !uuidPrefix.test(wanted) ? wanted : undefined
}

async function listCandidates<T extends Named, L extends HotLookup>(
  kind: Kind<T, L>,
  lookup: L,
  wanted: string,
): Promise<T[]> {
  if (uuidPrefix.test(wanted)) return listAll((page) => kind.list(lookup, page))
  if (!kind.namePattern.test(wanted)) return []
  return listAll((page) => kind.list(lookup, { ...page, name: wanted }))
}

/** The only one that the reference can mean; a name and a prefix weigh the same. */
export function choose<T extends Named>(
  kind: Pick<Kind<T>, 'noun' | 'notFound' | 'listCommand' | 'isLeaving'>,
  reference: string,
  candidates: readonly T[],
): T {
  const wanted = withoutDots(reference)
  const prefix = uuidPrefix.test(wanted) ? wanted.toLowerCase() : undefined
  const all = candidates.filter(
    (candidate) => candidate.name === wanted || (prefix !== undefined && candidate.uuid.startsWith(prefix)),
  )
  const staying = all.filter((candidate) => !kind.isLeaving(candidate))
  const matches = staying.length > 0 ? staying : all
  const [only] = matches
  if (only && matches.length === 1) return only
  if (!only) throw notFound(kind, reference)
  throw new GpulabError('reference_ambiguous', {
    message: `"${reference}" matches ${matches.length} ${kind.noun}s: ${matches.map((match) => `${match.name} (${match.uuid})`).join(', ')}.`,
    hint: 'Give the full uuid.',
    details: { candidates: matches.map((match) => ({ uuid: match.uuid, name: match.name })) },
  })
}

/** As `gpulab ls` prints it: "3f2a9c1e...". */
const withoutDots = (reference: string): string => reference.replace(/(\.\.\.|…)$/, '')

/** Whether the failure says that the object is not there. */
export const isMissing = ({ notFound: code }: { readonly notFound: ErrorCode }, error: unknown): boolean =>
  error instanceof GpulabError && error.code === code

const notFound = (
  { noun, notFound: code, listCommand }: Pick<Kind<Named>, 'noun' | 'notFound' | 'listCommand'>,
  reference: string,
): GpulabError =>
  new GpulabError(code, {
    message: `There is no ${noun} "${reference}".`,
    hint: /^[0-9a-f-]{1,5}$/i.test(reference)
      ? `A uuid needs at least its first 6 characters; ${listCommand} shows them.`
      : `Run ${listCommand} to see your ${noun}s.`,
  })
