import { GpulabError } from '@gpulab/contract'
import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { toFileTime } from '../file-time.ts'
import type { ArchiveEntry } from './read-tar.ts'
import { checkEntry, type SafeName, unsafe } from './safe-entry.ts'

const foldersMax = 500_000
/** Bits that would give rights of whoever unpacks it are not the container's to set. */
const modeMask = 0o777

interface Attributes {
  readonly mode: number
  readonly modified: number
}

export interface ExtractionWatcher {
  bytes: number
  files: number
}

/**
 * Unpacks a hostile archive into a folder that only we write to.
 *
 * Invariants: every parent of what is written was made by us in this folder, and is a folder and no link; a file is
 * made anew, never opened; links are never followed. Folders are ours (0700) until `applyFolders`.
 */
export class Extraction {
  readonly #root: string
  readonly #watcher: ExtractionWatcher
  readonly #folders = new Map<string, Attributes>()
  #checkedParent: string | undefined
  /** Of the folder that was packed. */
  own: Attributes | undefined

  /** `root` is a string of bytes. */
  constructor(root: string, watcher: ExtractionWatcher) {
    this.#root = root
    this.#watcher = watcher
  }

  async add(entry: ArchiveEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { name, target } = checkEntry(entry)
    const attributes = { mode: entry.mode & modeMask, modified: entry.modified }
    if (name.length === 0) {
      this.own = attributes
      return
    }
    this.#makeParents(name)
    const path = this.#path(name)
    const old = find(path)
    if (entry.type === 'directory') {
      if (old && !old.isDirectory()) throw unsafe(entry.name, 'was something else before')
      if (!old) mkdirSync(path, 0o700)
      this.#keepFolder(name, attributes)
      return
    }
    if (old) this.#removeOld(entry, path, old)
    this.#watcher.files++
    if (entry.type === 'link') this.#addLink(path, entry)
    else if (entry.type === 'hardlink') this.#addHardLink(path, target, entry)
    else await this.#addFile(path, entry, content)
  }

  /** Gives folders their own modes and times, at their final place. */
  applyFolders(root: string): void {
    const deepFirst = [...this.#folders].toSorted(([one], [other]) => depth(other) - depth(one))
    for (const [name, { mode, modified }] of deepFirst) {
      const fd = openSync(
        toPath(`${root}/${name}`),
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      )
      try {
        futimesSync(fd, new Date(), toFileTime(modified))
        fchmodSync(fd, mode)
      } finally {
        closeSync(fd)
      }
    }
  }

  #makeParents(name: SafeName): void {
    const parent = name.slice(0, -1).join('/')
    if (parent === this.#checkedParent) return
    for (let length = 1; length < name.length; length++) {
      const part = name.slice(0, length)
      const path = this.#path(part)
      const old = find(path)
      if (old && !old.isDirectory()) throw unsafe(name.join('/'), 'is below something that is no folder')
      if (old) continue
      mkdirSync(path, 0o700)
      this.#keepFolder(part, { mode: 0o755, modified: Date.now() / 1000 })
    }
    this.#checkedParent = parent
  }

  #keepFolder(name: SafeName, attributes: Attributes): void {
    if (this.#folders.size >= foldersMax) {
      throw new GpulabError('archive_unsafe', { message: `There are more than ${foldersMax} folders in it.` })
    }
    this.#folders.set(name.join('/'), attributes)
  }

  /** The last one of a name counts, as for every tar; but what changes its kind is a trick. */
  #removeOld(entry: ArchiveEntry, path: Buffer, old: Stats): void {
    const isSame = entry.type === 'link' ? old.isSymbolicLink() : old.isFile()
    if (!isSame) throw unsafe(entry.name, 'was something else before')
    unlinkSync(path)
    this.#watcher.files--
  }

  #addLink(path: Buffer, { target, modified }: ArchiveEntry): void {
    symlinkSync(toPath(target), path)
    lutimesSync(path, new Date(), toFileTime(modified))
  }

  #addHardLink(path: Buffer, target: SafeName, entry: ArchiveEntry): void {
    for (let length = 1; length <= target.length; length++) {
      const found = find(this.#path(target.slice(0, length)))
      const isFit = length < target.length ? found?.isDirectory() : found?.isFile()
      if (!isFit) throw unsafe(entry.name, 'is a hard link to something that is not in the archive')
    }
    linkSync(this.#path(target), path)
  }

  async #addFile(path: Buffer, entry: ArchiveEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const fd = openSync(path, flags, 0o600)
    try {
      let written = 0
      for await (const bytes of entry.sizeBytes > 0 ? content : []) {
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
        written += bytes.length
        this.#watcher.bytes += bytes.length
      }
      if (written !== entry.sizeBytes) throw unsafe(entry.name, 'is shorter than it says')
      futimesSync(fd, new Date(), toFileTime(entry.modified))
      fchmodSync(fd, entry.mode & modeMask)
    } finally {
      closeSync(fd)
    }
  }

  #path(name: SafeName): Buffer {
    return toPath(`${this.#root}/${name.join('/')}`)
  }
}

const toPath = (name: string): Buffer => Buffer.from(name, 'latin1')
const depth = (name: string): number => name.split('/').length

function find(path: Buffer): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** Attributes of the folder itself, which was packed under no name. */
export function applyOwn(path: string, { mode, modified }: Attributes): void {
  const fd = openSync(toPath(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    futimesSync(fd, new Date(), toFileTime(modified))
    fchmodSync(fd, mode)
  } finally {
    closeSync(fd)
  }
}
