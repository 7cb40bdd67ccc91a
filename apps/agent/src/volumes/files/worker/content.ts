import { closeSync } from 'node:fs'
import { etagOf } from './entry.ts'
import { type ByteRange, parseRange } from './range.ts'
import { openPlace, toNames, type Tree, walk, WalkError } from './walk.ts'

export interface Content extends Disposable {
  readonly fd: number
  readonly etag: string
  readonly modifiedAt: Date
  /** Of the whole file. */
  readonly sizeBytes: number
  /** What is sent of it; undefined where that is all. */
  readonly range: ByteRange | undefined
  /** The same in bytes. */
  readonly start: number
  readonly length: number
}

/** A file, or a part of it, held open. It is sent as long as it was when it was opened. */
export function openContent(
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
    const modifiedAt = new Date(Number(stat.mtimeMs))
    const start = range?.start ?? 0
    const length = range ? range.end + 1 - start : sizeBytes
    const close = (): void => closeSync(fd)
    return { fd, etag, modifiedAt, sizeBytes, range, start, length, [Symbol.dispose]: close }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
