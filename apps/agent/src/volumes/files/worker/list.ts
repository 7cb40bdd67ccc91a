import { closeSync, lstatSync } from 'node:fs'
import { type FileEntry, readTarget, toEntry } from './entry.ts'
import { at, isRoot, openPlace, readNames, toNames, type Tree, walk, WalkError } from './walk.ts'

/** Of a page as JSON: names and targets of links can be made to take 25 KiB an entry, and API and agent hold it whole. */
const pageMaxBytes = 8 << 20

export interface ListOptions {
  readonly path: Buffer
  readonly limit: number
  /** The last name of the page before. */
  readonly after: Buffer | undefined
}

export interface Page {
  readonly items: FileEntry[]
  /** The last name, where more follow. */
  readonly next: Buffer | undefined
}

/** Entries of a folder by the bytes of their names. What goes while it is looked at is left out. */
export function list(tree: Tree, { path, limit, after }: ListOptions): Page {
  using place = walk(tree, toNames(path), { follow: true })
  const hidden = isRoot(tree, place) ? tree.hidden : undefined
  const { fd, stat } = openPlace(place)
  try {
    if (!stat.isDirectory()) throw new WalkError('ENOTDIR', 'It is not a folder.')
    const rest = readNames(fd)
      .filter((name) => (!after || Buffer.compare(name, after) > 0) && !hidden?.equals(name))
      .toSorted((left, right) => Buffer.compare(left, right))
    const items: FileEntry[] = []
    let bytes = 0
    let seen = 0
    for (const name of rest.slice(0, limit)) {
      if (bytes >= pageMaxBytes) break
      seen++
      const found = lstatSync(at(fd, name), { bigint: true, throwIfNoEntry: false })
      if (!found) continue
      const entry = toEntry(name, found, readTarget(fd, name, found))
      bytes += JSON.stringify(entry).length
      items.push(entry)
    }
    return { items, next: seen < rest.length ? rest[seen - 1] : undefined }
  } finally {
    closeSync(fd)
  }
}
