import { randomBytes } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { makeFolder } from './change.ts'
import { etagOf, type FileEntry, toEntry } from './entry.ts'
import type { Receipt } from './receive.ts'
import { openStaging } from './staging.ts'
import { at, type Place, self, statPlace, toNames, type Tree, walk, WalkError } from './walk.ts'

export interface StoreOptions {
  readonly path: Buffer
  /** Makes the folders that it is in. */
  readonly parents: boolean
  /** Of a file that was not there. */
  readonly mode: number
  /** The etag that has to be there, `*` for any. */
  readonly ifMatch: string | undefined
  /** Only `*`: nothing may be there. */
  readonly ifNoneMatch: string | undefined
  /** How long the body has to be; undefined where nobody knows. */
  readonly sizeBytes: number | undefined
}

const syncFile = promisify(fsync)

/**
 * Writes to a file of its own in the staging folder, which a rename puts in its place once it is complete and on disk: nobody sees
 * half of it, and what was there before is there until then. The conditions are looked at before the body is read and
 * again in the moment of the rename.
 */
export async function store(
  tree: Tree,
  stagingPath: string,
  options: StoreOptions,
  /** Writes the body to a file. */
  receiveBody: (fd: number, receipt: Receipt) => Promise<void>,
): Promise<FileEntry> {
  const names = toNames(options.path)
  if (options.parents && names.length > 1) {
    makeFolder(tree, {
      path: Buffer.concat(names.slice(0, -1).flatMap((name) => [slash, name])),
      parents: true,
    })
  }
  using place = walk(tree, names, { follow: true })
  const { name } = place
  if (name === undefined) throw new WalkError('EISDIR', 'It is a folder.')
  check(place, options)
  using staging = openStaging(stagingPath)
  const part = at(staging.fd, Buffer.from(randomBytes(12).toString('hex')))
  const fd = openSync(
    part,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  )
  const receipt: Receipt = { bytes: 0, isWriting: false }
  try {
    await receiveBody(fd, receipt)
    if (options.sizeBytes !== undefined && receipt.bytes !== options.sizeBytes) {
      throw new WalkError('EPIPE', `Of ${options.sizeBytes} bytes ${receipt.bytes} came.`)
    }
    await syncFile(fd)
    // From here on nothing else happens in this process.
    const old = check(place, options)
    const { uid, gid } = old ?? fstatSync(place.folder, { bigint: true })
    fchownSync(fd, Number(uid), Number(gid))
    fchmodSync(fd, old ? Number(old.mode) & 0o777 : options.mode)
    renameSync(part, at(place.folder, name))
    const entry = toEntry(name, fstatSync(fd, { bigint: true }), undefined)
    syncFolder(place.folder)
    return entry
  } catch (error) {
    try {
      unlinkSync(part)
    } catch {
      // It was renamed, or the volume does not answer any more.
    }
    throw error
  } finally {
    closeSync(fd)
  }
}

const slash = Buffer.from('/')

/** What is there now; throws where that is not what the client expects, or no file. */
function check(place: Place, { ifMatch, ifNoneMatch }: StoreOptions): BigIntStats | undefined {
  const old = find(place)
  if (old?.isDirectory()) throw new WalkError('EISDIR', 'It is a folder.')
  if (old && !old.isFile()) throw new WalkError('EACCES', 'It is not a file.')
  if (ifNoneMatch === '*' && old) throw new WalkError('EPRECONDITION', 'The file is there already.')
  if (ifMatch === undefined) return old
  const isMet = old && (ifMatch === '*' || ifMatch.split(',').some((tag) => tag.trim() === etagOf(old)))
  if (!isMet) throw new WalkError('EPRECONDITION', 'The file has changed since it was read.')
  return old
}

function find(place: Place): BigIntStats | undefined {
  try {
    return statPlace(place)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The folder is held by a descriptor that only names it: to sync it needs another. */
function syncFolder(folder: number): void {
  const fd = openSync(self(folder), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
