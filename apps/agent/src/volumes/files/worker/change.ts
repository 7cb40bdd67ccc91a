import { closeSync, linkSync, mkdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import {
  at,
  openFolder,
  type Place,
  readSome,
  statPlace,
  toNames,
  type Tree,
  walk,
  WalkError,
} from './walk.ts'

const isCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '')

export function makeFolder(
  tree: Tree,
  { path, parents }: { readonly path: Buffer; readonly parents: boolean },
): void {
  const names = toNames(path)
  if (names.length === 0) {
    if (parents) return
    throw new WalkError('EEXIST', 'The root of a volume is always there.')
  }
  for (let length = parents ? 1 : names.length; length <= names.length; length++) {
    using place = walk(tree, names.slice(0, length), { follow: false })
    try {
      mkdirSync(at(place.folder, place.name as Buffer), 0o755)
    } catch (error) {
      if (!parents || !isCode(error, 'EEXIST') || !isFolder(tree, names.slice(0, length))) throw error
    }
  }
}

/** Also where a link leads to one. */
function isFolder(tree: Tree, names: readonly Buffer[]): boolean {
  using place = walk(tree, names, { follow: true })
  return statPlace(place).isDirectory()
}

/** A link is removed itself, whatever it leads to. */
export async function remove(
  tree: Tree,
  { path, recursive }: { readonly path: Buffer; readonly recursive: boolean },
): Promise<void> {
  using place = walk(tree, toNames(path), { follow: false })
  const { folder, name } = requireName(place)
  if (!statPlace(place).isDirectory()) unlinkSync(at(folder, name))
  else if (recursive) await removeTree(folder, name, { entries: 0 })
  else rmdirSync(at(folder, name))
}

function requireName(place: Place): { readonly folder: number; readonly name: Buffer } {
  if (place.name === undefined) throw new WalkError('EBUSY', 'The root of a volume can not be changed.')
  return { folder: place.folder, name: place.name }
}

/** How often a tenant may put something new where we have just removed all. */
const triesMax = 20

interface Removed {
  entries: number
}
/** After so many, others who ask this process for something get their turn. */
const atATime = 500
const readAtOnce = 10_000

/** Goes by folders that are held open: what is exchanged for a link meanwhile is unlinked, and not entered. */
async function removeTree(folder: number, name: Buffer, removed: Removed): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await empty(folder, name, removed)
      rmdirSync(at(folder, name))
      return
    } catch (error) {
      if (isCode(error, 'ENOENT')) return
      if (isCode(error, 'ENOTDIR', 'ELOOP')) {
        unlinkSync(at(folder, name))
        return
      }
      if (tries >= triesMax || !isCode(error, 'ENOTEMPTY', 'EISDIR')) throw error
    }
  }
}

async function empty(folder: number, name: Buffer, removed: Removed): Promise<void> {
  const fd = openFolder(folder, name)
  try {
    for (;;) {
      const entries = readSome(fd, readAtOnce)
      for (const entry of entries) {
        if (entry.isDirectory()) await removeTree(fd, entry.name, removed)
        else await removeOne(fd, entry.name, removed)
        if (++removed.entries % atATime === 0) await setImmediate()
      }
      if (entries.length < readAtOnce) return
    }
  } finally {
    closeSync(fd)
  }
}

async function removeOne(folder: number, name: Buffer, removed: Removed): Promise<void> {
  try {
    unlinkSync(at(folder, name))
  } catch (error) {
    if (isCode(error, 'EISDIR')) await removeTree(folder, name, removed)
    else if (!isCode(error, 'ENOENT')) throw error
  }
}

export function move(
  tree: Tree,
  { from, to, overwrite }: { readonly from: Buffer; readonly to: Buffer; readonly overwrite: boolean },
): void {
  using source = walk(tree, toNames(from), { follow: false })
  using target = walk(tree, toNames(to), { follow: false })
  const [old, fresh] = [requireName(source), requireName(target)]
  const [oldPath, freshPath] = [at(old.folder, old.name), at(fresh.folder, fresh.name)]
  const isFolder = statPlace(source).isDirectory()
  if (!overwrite && exists(target)) throw new WalkError('EEXIST', 'Something else has that name.')
  if (overwrite || isFolder) return renameSync(oldPath, freshPath)
  // A rename would replace what a container makes there in this moment; of folders it replaces empty ones only.
  linkSync(oldPath, freshPath)
  unlinkSync(oldPath)
}

export function exists(place: Place): boolean {
  try {
    statPlace(place)
    return true
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false
    throw error
  }
}
