import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
} from 'node:fs'

/*
 * A tenant changes the tree while we walk in it, so no path of more than one name is ever given to the kernel. Each step
 * opens one name in a folder that is held open, and never follows a link; links are read and walked by ourselves, as if
 * the volume were the root of everything. So a link that is swapped in at any moment leads nowhere else.
 */

/** Of Linux; Node has no name for it. */
const O_PATH = 0o10000000
export const folderFlags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
const linksMax = 40
const nameMaxBytes = 255
const pathMaxBytes = 4096
const slash = 0x2f

/** A failure with the code of an errno. */
export class WalkError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The name in a folder that is held open, as the kernel is given it. */
export const at = (folder: number, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name])

export const self = (fd: number): string => `/proc/self/fd/${fd}`

const dot = Buffer.from('.')
const dots = Buffer.from('..')

/** Names of a path that a client gave: it begins at the volume's root, and leads down only. */
export function toNames(path: Buffer): Buffer[] {
  if (path.length > pathMaxBytes) throw new WalkError('ENAMETOOLONG', 'The path is too long.')
  const names = split(path)
  for (const name of names) {
    if (name.equals(dots)) throw new WalkError('EINVAL', 'A path may not have ".." in it.')
    checkName(name)
  }
  return names
}

function split(path: Buffer): Buffer[] {
  const names: Buffer[] = []
  for (let from = 0; from <= path.length;) {
    const found = path.indexOf(slash, from)
    const to = found === -1 ? path.length : found
    const name = path.subarray(from, to)
    if (name.length > 0 && !name.equals(dot)) names.push(name)
    from = to + 1
  }
  return names
}

function checkName(name: Buffer): void {
  if (name.includes(0)) throw new WalkError('EINVAL', 'A name may not have NUL in it.')
  if (name.length > nameMaxBytes) throw new WalkError('ENAMETOOLONG', 'A name is longer than 255 bytes.')
}

/** A volume, held open. */
export interface Tree {
  readonly root: number
  /** A name in the root that is no tenant's: for whoever walks it is not there. */
  readonly hidden: Buffer | undefined
}

/** A folder that was walked to, held open; closed with the walk. */
export interface Place extends Disposable {
  readonly folder: number
  /** What is asked for in it; undefined for the root itself. */
  readonly name: Buffer | undefined
}

/**
 * Walks to the folder of the last name. `follow`: if that name is a link, to where it leads, as often as it does.
 */
export function walk(
  { root, hidden }: Tree,
  names: readonly Buffer[],
  { follow }: { follow: boolean },
): Place {
  const stack: number[] = []
  const current = (): number => stack.at(-1) ?? root
  const close = (): void => {
    for (const fd of stack.splice(0)) closeSync(fd)
  }
  const todo = [...names]
  let links = 0
  try {
    for (;;) {
      const name = todo.shift()
      if (name === undefined) return { folder: current(), name: undefined, [Symbol.dispose]: close }
      if (name.equals(dots)) {
        const fd = stack.pop()
        if (fd !== undefined) closeSync(fd)
        continue
      }
      checkName(name)
      if (current() === root && hidden?.equals(name)) throw new WalkError('ENOENT', 'There is no such entry.')
      const isLast = todo.length === 0
      if (isLast && !follow) return { folder: current(), name, [Symbol.dispose]: close }
      const target = isLast ? readLink(current(), name) : enter(current(), name)
      if (typeof target === 'number') {
        stack.push(target)
        continue
      }
      if (target === undefined) return { folder: current(), name, [Symbol.dispose]: close }
      if (++links > linksMax) throw new WalkError('ELOOP', 'There are too many links on the way.')
      if (target[0] === slash) close()
      todo.unshift(...split(target))
    }
  } catch (error) {
    close()
    throw error
  }
}

export const isRoot = ({ root }: Tree, { folder, name }: Place): boolean =>
  folder === root && name === undefined

/** Opens a folder, or gives where the link that is there leads. */
function enter(folder: number, name: Buffer): number | Buffer {
  try {
    return openSync(at(folder, name), folderFlags)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ELOOP' && code !== 'ENOTDIR') throw error
    const target = readLink(folder, name)
    if (target === undefined) throw error
    return target
  }
}

/** Undefined where it is no link. */
function readLink(folder: number, name: Buffer): Buffer | undefined {
  try {
    return readlinkSync(at(folder, name), { encoding: 'buffer' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EINVAL' || code === 'ENOENT') return undefined
    throw error
  }
}

/** Opens what a place names. What is not a regular file or a folder is refused, and never waited for. */
export function openPlace({ folder, name }: Place): { readonly fd: number; readonly stat: BigIntStats } {
  const fd =
    name === undefined
      ? openSync(self(folder), constants.O_RDONLY | constants.O_DIRECTORY)
      : openSync(at(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (stat.isFile() || stat.isDirectory()) return { fd, stat }
    throw new WalkError('EACCES', 'It is neither a file nor a folder.')
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Opens a folder below another one for reading, without following links. */
export const openFolder = (folder: number, name: Buffer): number =>
  openSync(at(folder, name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)

export const statPlace = ({ folder, name }: Place): BigIntStats =>
  name === undefined ? fstatSync(folder, { bigint: true }) : lstatSync(at(folder, name), { bigint: true })

/**
 * Entries of a folder that is held open, at most so many: a tenant can make more than this machine has memory for, and
 * all at once is how readdir takes them.
 */
export function readSome(folder: number, max: number): Dirent<Buffer>[] {
  // Node takes it for names, though its types know of texts only.
  const encoding = 'buffer' as BufferEncoding
  using entries = opendirSync(self(folder), { encoding, bufferSize: 1024 })
  const found: Dirent<Buffer>[] = []
  while (found.length < max) {
    const entry = entries.readSync()
    if (!entry) break
    found.push(entry as unknown as Dirent<Buffer>)
  }
  return found
}

/** More than these are not sorted: a folder of that size is of no use to anybody. */
const namesMax = 1_000_000

export function readNames(folder: number): Buffer[] {
  const entries = readSome(folder, namesMax + 1)
  if (entries.length > namesMax) throw new WalkError('E2BIG', 'The folder has too many entries.')
  return entries.map(({ name }) => name)
}
