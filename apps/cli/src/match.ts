import { type ErrorCode, GpulabError } from '@gpulab/contract'

const candidatesMax = 20

export interface MatchOptions {
  /** "template", as errors name it. */
  readonly noun: string
  readonly notFound: ErrorCode
}

/** Exact name, else the same in any case, else the only one that contains the text. Never guesses among several. */
export function matchByName<T extends { readonly name: string }>(
  text: string,
  candidates: readonly T[],
  { noun, notFound }: MatchOptions,
): T {
  const exact = candidates.find(({ name }) => name === text)
  if (exact) return exact
  const wanted = text.toLowerCase()
  const same = candidates.filter(({ name }) => name.toLowerCase() === wanted)
  const matches =
    same.length > 0 ? same : candidates.filter(({ name }) => name.toLowerCase().includes(wanted))
  const [only] = matches
  if (only && matches.length === 1) return only
  if (only) {
    throw new GpulabError('reference_ambiguous', {
      message: `"${text}" matches more than one ${noun}: ${listNames(matches)}.`,
      hint: 'Give the whole name.',
      details: { candidates: matches.map(({ name }) => name) },
    })
  }
  throw new GpulabError(notFound, {
    message: `There is no ${noun} "${text}".`,
    hint: candidates.length > 0 ? `There are: ${listNames(candidates)}.` : `There is no ${noun} here at all.`,
    details: { candidates: candidates.map(({ name }) => name) },
  })
}

export function listNames(candidates: readonly { readonly name: string }[]): string {
  const names = candidates.slice(0, candidatesMax).map(({ name }) => name)
  const rest = candidates.length - names.length
  return rest > 0 ? `${names.join(', ')} and ${rest} more` : names.join(', ')
}
