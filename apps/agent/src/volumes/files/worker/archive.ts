import { paddingBytes, type TarEntry, encodeTarHeader, tarEnd } from '@gpulab/transport/tar-header'
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { readTarget } from './entry.ts'
import { at, isRoot, openFolder, openPlace, readNames, toNames, type Tree, walk, WalkError } from './walk.ts'

const readInto = promisify(read)
const chunkBytes = 1 << 20
const depthMax = 100

/**
 * A folder as a tar stream: what is in it under names that begin with `./`. What can be neither file, folder nor link is
 * left out, as is what goes meanwhile; a file that shrinks while it is read ends the stream.
 */
export async function* archive(tree: Tree, { path }: { readonly path: Buffer }): AsyncGenerator<Buffer> {
  using place = walk(tree, toNames(path), { follow: true })
  const { fd, stat } = openPlace(place)
  try {
    if (!stat.isDirectory()) throw new WalkError('ENOTDIR', 'It is not a folder.')
    yield encodeTarHeader(toTarEntry('directory', '.', stat))
    yield* pack(fd, './', isRoot(tree, place) ? tree.hidden : undefined, 0)
    yield tarEnd
  } finally {
    closeSync(fd)
  }
}

async function* pack(
  folder: number,
  prefix: string,
  hidden: Buffer | undefined,
  depth: number,
): AsyncGenerator<Buffer> {
  if (depth > depthMax) throw new WalkError('E2BIG', 'Folders are nested too deeply.')
  for (const name of readNames(folder).toSorted((left, right) => Buffer.compare(left, right))) {
    if (hidden?.equals(name)) continue
    const stat = lstatSync(at(folder, name), { bigint: true, throwIfNoEntry: false })
    if (!stat) continue
    const path = prefix + name.toString('latin1')
    if (stat.isDirectory()) yield* packFolder(folder, name, path, depth)
    else if (stat.isFile()) yield* packFile(folder, name, path)
    else if (stat.isSymbolicLink()) {
      const target = readTarget(folder, name, stat)
      if (target)
        yield encodeTarHeader({ ...toTarEntry('link', path, stat), target: target.toString('latin1') })
    }
  }
}

async function* packFolder(
  parent: number,
  name: Buffer,
  path: string,
  depth: number,
): AsyncGenerator<Buffer> {
  const fd = open(() => openFolder(parent, name))
  if (fd === undefined) return
  try {
    yield encodeTarHeader(toTarEntry('directory', path, fstatSync(fd, { bigint: true })))
    yield* pack(fd, `${path}/`, undefined, depth + 1)
  } finally {
    closeSync(fd)
  }
}

async function* packFile(parent: number, name: Buffer, path: string): AsyncGenerator<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const fd = open(() => openSync(at(parent, name), flags))
  if (fd === undefined) return
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) return
    const sizeBytes = Number(stat.size)
    yield encodeTarHeader({ ...toTarEntry('file', path, stat), sizeBytes })
    for (let sent = 0; sent < sizeBytes;) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - sent))
      const { bytesRead } = await readInto(fd, buffer, 0, buffer.length, sent)
      if (bytesRead === 0) throw new WalkError('EIO', 'A file has shrunk while it was read.')
      sent += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
    yield Buffer.alloc(paddingBytes(sizeBytes))
  } finally {
    closeSync(fd)
  }
}

/** Undefined for what is gone, or something else by now. */
function open(attempt: () => number): number | undefined {
  try {
    return attempt()
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw error
  }
}

const toTarEntry = (type: TarEntry['type'], name: string, stat: BigIntStats): TarEntry => ({
  type,
  name,
  mode: Number(stat.mode) & 0o7777,
  modified: Number(stat.mtimeMs) / 1000,
  sizeBytes: 0,
  target: '',
})
