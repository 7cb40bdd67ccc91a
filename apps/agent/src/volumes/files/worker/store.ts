import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
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
  writev,
} from 'node:fs'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { makeFolder } from './change.ts'
import { etagOf, type FileEntry, toEntry } from './entry.ts'
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
const writeMany = promisify(writev)
const bufferBytes = 1 << 20

/**
 * Writes to a file of its own in the staging folder, which a rename puts in its place once it is complete and on disk: nobody sees
 * half of it, and what was there before is there until then. The conditions are looked at before the body is read and
 * again in the moment of the rename.
 */
export async function store(
  tree: Tree,
  stagingPath: string,
  options: StoreOptions,
  body: Readable,
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
  try {
    const written = await receive(fd, body)
    if (options.sizeBytes !== undefined && written !== options.sizeBytes) {
      throw new WalkError('EPIPE', `Of ${options.sizeBytes} bytes ${written} came.`)
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

/** In large writes, as each costs a way to another thread, and while the next bytes come. */
async function receive(fd: number, body: Readable): Promise<number> {
  let received = 0
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let writing: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    const [chunks, from] = [waiting, received]
    received += waitingBytes
    waiting = []
    waitingBytes = 0
    await writing
    writing = writeAll(fd, chunks, from)
    writing.catch(() => {})
  }
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      notePassed(chunk.length)
      waiting.push(chunk)
      waitingBytes += chunk.length
      if (waitingBytes >= bufferBytes) await flush()
    }
    if (waitingBytes > 0) await flush()
  } finally {
    // Whoever has the file open must not close it before.
    await writing
  }
  return received
}

/** A full disk takes a part first, and tells why with the next write. */
async function writeAll(fd: number, chunks: readonly Uint8Array[], from: number): Promise<void> {
  const { bytesWritten } = await writeMany(fd, chunks, from)
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  if (bytesWritten === bytes) return
  if (bytesWritten === 0) throw new WalkError('EIO', 'Nothing can be written.')
  await writeAll(fd, [Buffer.concat(chunks).subarray(bytesWritten)], from + bytesWritten)
}

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
