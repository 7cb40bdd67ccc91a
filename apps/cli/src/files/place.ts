import { GpulabError } from '@gpulab/contract'
import { posix } from 'node:path'

/** One end of a copy, as the user wrote it. */
export type Place =
  | { readonly kind: 'stream' }
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'container'; readonly reference: string; readonly path: string }

/** Docker's rule: what has a colon is in a container, unless it begins with a dot or a slash. */
export function parsePlace(text: string): Place {
  if (text === '-') return { kind: 'stream' }
  const colon = text.indexOf(':')
  if (colon === -1 || text.startsWith('.') || text.startsWith('/')) return { kind: 'local', path: text }
  const [reference, path] = [text.slice(0, colon), text.slice(colon + 1)]
  if (reference === '' || path === '') {
    throw new GpulabError('invalid_request', {
      message: `"${text}" names ${reference === '' ? 'no container' : 'no path in the container'}.`,
      hint: 'Write CONTAINER:PATH, and ./NAME for a local name with a colon.',
    })
  }
  // Node replaces what is not UTF-8 in its arguments, so that the real name is not known any more.
  if (path.includes('\uFFFD') || path.includes('\0')) {
    throw new GpulabError('invalid_request', {
      message: 'A name that is not UTF-8 cannot be given to this command.',
      hint: 'Copy the folder that it is in: names in there may be any bytes.',
    })
  }
  return { kind: 'container', reference, path }
}

/** A path without what only says how it is meant. */
export interface NamedPath {
  /** Without `.`, `..` and slashes at the end; of a container absolute, from `/`. */
  readonly path: string
  /** A folder is meant. */
  readonly endsWithSlash: boolean
  /** `DIR/.`: what is in the folder, not the folder. */
  readonly wantsContents: boolean
}

export function toNamedPath(text: string, from: string): NamedPath {
  const trimmed = text.replace(/\/+$/, '')
  return {
    path: posix.resolve(from, text),
    endsWithSlash: text.endsWith('/'),
    wantsContents: posix.basename(trimmed) === '.' || posix.resolve(from, text) === '/',
  }
}
