import { closeSync, createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { etagOf } from './entry.ts'
import { type ByteRange, parseRange } from './range.ts'
import { openPlace, toNames, type Tree, walk, WalkError } from './walk.ts'

export interface Content {
  readonly etag: string
  readonly modifiedAt: Date
  /** Of the whole file. */
  readonly sizeBytes: number
  /** What is sent of it; undefined where that is all. */
  readonly range: ByteRange | undefined
  readonly body: Readable
}

const chunkBytes = 1 << 20

/** A file, or a part of it. It is sent as long as it was when it was opened. */
export function readContent(
  tree: Tree,
  { path, range: wanted }: { readonly path: Buffer; readonly range: string | undefined },
  isFresh: (etag: string) => boolean,
): Content {
  using place = walk(tree, toNames(path), { follow: true })
  const { fd, stat } = openPlace(place)
  try {
    if (!stat.isFile()) throw new WalkError('EISDIR', 'It is a folder.')
    const sizeBytes = Number(stat.size)
    const etag = etagOf(stat)
    const range = wanted === undefined || !isFresh(etag) ? undefined : parseRange(wanted, sizeBytes)
    const { start, end } = range ?? { start: 0, end: sizeBytes - 1 }
    const body =
      sizeBytes === 0
        ? emptyOf(fd)
        : createReadStream('', { fd, start, end, autoClose: true, highWaterMark: chunkBytes })
    return { etag, modifiedAt: new Date(Number(stat.mtimeMs)), sizeBytes, range, body }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

const emptyOf = (fd: number): Readable => createReadStream('', { fd, start: 0, autoClose: true })
