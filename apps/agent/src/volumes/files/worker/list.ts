import { closeSync, lstatSync, readdirSync } from 'node:fs'
import { type FileEntry, readTarget, toEntry } from './entry.ts'
import { at, openPlace, self, toNames, walk, WalkError } from './walk.ts'

/** More than these are not sorted: a folder of that size is of no use to anybody. */
const namesMax = 2_000_000

export interface ListOptions {
  readonly path: Buffer
  readonly limit: number
  /** The last name of the page before. */
  readonly after: Buffer | undefined
  /** A name of the root that nobody is shown. */
  readonly hidden: Buffer | undefined
}

export interface Page {
  readonly items: FileEntry[]
  /** The last name, where more follow. */
  readonly next: Buffer | undefined
}

/** Entries of a folder by the bytes of their names. What goes while it is looked at is left out. */
export function list(root: number, { path, limit, after, hidden }: ListOptions): Page {
  const names = toNames(path)
  using place = walk(root, names, { follow: true })
  const { fd, stat } = openPlace(place)
  try {
    if (!stat.isDirectory()) throw new WalkError('ENOTDIR', 'It is not a folder.')
    const all = readdirSync(self(fd), { encoding: 'buffer' })
    if (all.length > namesMax) throw new WalkError('E2BIG', 'The folder has too many entries to list.')
    const rest = all
      .filter(
        (name) =>
          (!after || Buffer.compare(name, after) > 0) && !(names.length === 0 && hidden?.equals(name)),
      )
      .toSorted((left, right) => Buffer.compare(left, right))
    const page = rest.slice(0, limit)
    const items = page.flatMap((name) => {
      const found = lstatSync(at(fd, name), { bigint: true, throwIfNoEntry: false })
      return found ? [toEntry(name, found, readTarget(fd, name, found))] : []
    })
    return { items, next: rest.length > limit ? page.at(-1) : undefined }
  } finally {
    closeSync(fd)
  }
}
