import { type BigIntStats, readlinkSync } from 'node:fs'
import { at } from './walk.ts'

export interface FileEntry {
  readonly name: string
  /** Only where the name is not UTF-8. */
  readonly name_base64: string | null
  readonly type: 'file' | 'directory' | 'link' | 'other'
  readonly size_bytes: number
  readonly modified_at: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly etag: string
  /** Where a link leads. */
  readonly target: string | null
}

/** Changes with every write, rename over it and change of its attributes. */
export const etagOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `"${[ino, size, mtimeNs, ctimeNs].map((number) => number.toString(36)).join('-')}"`

const typeOf = (stat: BigIntStats): FileEntry['type'] =>
  stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'other'

export function toEntry(name: Buffer, stat: BigIntStats, target: Buffer | undefined): FileEntry {
  const text = name.toString()
  return {
    name: text,
    name_base64: Buffer.from(text).equals(name) ? null : name.toString('base64'),
    type: typeOf(stat),
    size_bytes: Number(stat.size),
    modified_at: new Date(Number(stat.mtimeMs)).toISOString(),
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    etag: etagOf(stat),
    target: target?.toString() ?? null,
  }
}

/** A link that was just seen, if it still is one. */
export function readTarget(folder: number, name: Buffer, stat: BigIntStats): Buffer | undefined {
  if (!stat.isSymbolicLink()) return undefined
  try {
    return readlinkSync(at(folder, name), { encoding: 'buffer' })
  } catch {
    return undefined
  }
}
