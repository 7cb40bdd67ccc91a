import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { toErrnoFailure, toLocalFailure } from '../describe-errno.ts'
import { toText } from './safe-entry.ts'
import { encodeTarHeader, paddingBytes, tarEnd, type TarEntry } from '@gpulab/transport/tar-header'

const chunkBytes = 256 << 10

export interface PackWatcher {
  bytes: number
  files: number
  /** All of them, each before those in it. */
  readonly folders: TarEntry[]
  /** Of what is no file, folder or link. */
  skipped(name: string): void
}

/**
 * A tree of this machine as a tar stream in runs of a few hundred KiB; `root` and names are strings of bytes. Folders may
 * be written to in it: their own modes and times come with `packFolders`.
 */
export async function* packTree(
  { root, names }: { readonly root: string; readonly names?: ReadonlyMap<string, string> },
  watcher: PackWatcher,
): AsyncGenerator<Buffer> {
  const packer = new Packer(watcher)
  for (const [real, name] of names ?? packer.list(root).map((each) => [each, each] as const)) {
    yield* packer.pack(`${root}/${real}`, name)
    // The generator itself never waits, and others have work to do.
    await setImmediate()
  }
  yield* packer.end()
}

/**
 * Folders alone, those that are in others first, to be unpacked over what is there. Busybox makes some links last, which
 * changes the times of their folders, and needs the right to.
 */
export async function* packFolders(folders: readonly TarEntry[]): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = []
  for (const folder of folders.toReversed()) {
    gathered.push(encodeTarHeader(folder))
    if (gathered.length < 256) continue
    yield Buffer.concat(gathered)
    gathered = []
    await setImmediate()
  }
  yield Buffer.concat([...gathered, tarEnd])
}

class Packer {
  readonly #watcher: PackWatcher
  /** By device and inode: a file's further names become hard links. */
  readonly #names = new Map<string, string>()
  #gathered: Buffer[] = []
  #gatheredBytes = 0

  constructor(watcher: PackWatcher) {
    this.#watcher = watcher
  }

  list(path: string): string[] {
    const names = attempt(path, () => readdirSync(toPath(path), 'latin1'))
    return names.toSorted()
  }

  *pack(path: string, name: string): Generator<Buffer> {
    const stats = attempt(path, () => lstatSync(toPath(path), { bigint: true }))
    const entry = {
      name,
      mode: Number(stats.mode & 0o7777n),
      modified: Number(stats.mtimeMs / 1000n),
      sizeBytes: 0,
      target: '',
    }
    if (stats.isDirectory()) yield* this.#packFolder(path, { ...entry, type: 'directory' })
    else if (stats.isFile()) yield* this.#packFile(path, { ...entry, type: 'file' }, stats)
    else if (stats.isSymbolicLink()) {
      const target = attempt(path, () => readlinkSync(toPath(path), 'latin1'))
      yield* this.#add(encodeTarHeader({ ...entry, type: 'link', target }))
      this.#watcher.files++
    } else this.#watcher.skipped(toText(name))
  }

  *end(): Generator<Buffer> {
    yield* this.#add(tarEnd)
    if (this.#gatheredBytes > 0) yield this.#take()
  }

  *#packFolder(path: string, entry: TarEntry): Generator<Buffer> {
    yield* this.#add(encodeTarHeader({ ...entry, mode: entry.mode | 0o700 }))
    this.#watcher.folders.push(entry)
    for (const each of this.list(path)) yield* this.pack(`${path}/${each}`, `${entry.name}/${each}`)
  }

  *#packFile(path: string, entry: TarEntry, { nlink, dev, ino }: BigIntStats): Generator<Buffer> {
    const id = `${dev}:${ino}`
    const first = nlink > 1n ? this.#names.get(id) : undefined
    this.#watcher.files++
    if (first !== undefined) {
      yield* this.#add(encodeTarHeader({ ...entry, type: 'hardlink', target: first }))
      return
    }
    if (nlink > 1n) this.#names.set(id, entry.name)
    const fd = attempt(path, () =>
      openSync(toPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    )
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (!stats.isFile()) throw toErrnoFailure('ESTALE', toText(path))
      const sizeBytes = Number(stats.size)
      yield* this.#add(encodeTarHeader({ ...entry, sizeBytes }))
      for (let left = sizeBytes; left > 0;) {
        const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, left))
        const count = attempt(path, () => readSync(fd, chunk))
        if (count === 0) throw toErrnoFailure('ESTALE', toText(path))
        left -= count
        this.#watcher.bytes += count
        yield* this.#add(chunk.subarray(0, count))
      }
      yield* this.#add(Buffer.alloc(paddingBytes(sizeBytes)))
      const now = fstatSync(fd, { bigint: true })
      if (now.size !== stats.size || now.mtimeNs !== stats.mtimeNs)
        throw toErrnoFailure('ESTALE', toText(path))
    } finally {
      closeSync(fd)
    }
  }

  *#add(bytes: Buffer): Generator<Buffer> {
    if (bytes.length === 0) return
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    if (this.#gatheredBytes >= chunkBytes) yield this.#take()
  }

  #take(): Buffer {
    const all =
      this.#gathered.length === 1 ? (this.#gathered[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    return all
  }
}

const toPath = (name: string): Buffer => Buffer.from(name, 'latin1')

function attempt<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw toLocalFailure(error, toText(path))
  }
}
