import { createHash } from 'node:crypto'
import type { FileFacts } from './file-facts.ts'

/** Begins the names of what is not complete yet. It lies where the copy goes, so that a rename makes it complete. */
export const partPrefix = '.gpulab-part-'

const shorten = (...words: readonly string[]): string =>
  createHash('sha256').update(words.join('\0')).digest('hex').slice(0, 12)

/** Names what an interrupted copy leaves: the same for the same target, source and content, and for nothing else. */
export function toPartName(
  target: string,
  source: string,
  facts?: Pick<FileFacts, 'sizeBytes' | 'modified'>,
): string {
  const content = facts === undefined ? 'tree' : `${facts.sizeBytes} ${facts.modified}`
  return `${partPrefix}${shorten(target, source)}-${shorten(content)}`
}
