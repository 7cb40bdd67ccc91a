import { randomBytes } from 'node:crypto'
import { fstatSync, lchownSync, lstatSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { openStaging } from './staging.ts'
import { at, type Place, toNames, type Tree, walk, WalkError } from './walk.ts'

const targetMaxBytes = 4095

/** Makes a link, or has one that is there lead elsewhere. Where it leads is nobody's business: it is never followed out. */
export function makeLink(
  tree: Tree,
  stagingPath: string,
  { path, target }: { readonly path: Buffer; readonly target: Buffer },
): void {
  if (target.length === 0 || target.includes(0))
    throw new WalkError('EINVAL', 'A link has to lead somewhere.')
  if (target.length > targetMaxBytes) throw new WalkError('ENAMETOOLONG', 'Where the link leads is too long.')
  using place = walk(tree, toNames(path), { follow: false })
  const { name } = place
  if (name === undefined) throw new WalkError('EBUSY', 'The root of a volume can not be changed.')
  const old = readOld(place, name)
  if (old?.equals(target)) return
  using staging = openStaging(stagingPath)
  const part = at(staging.fd, Buffer.from(randomBytes(12).toString('hex')))
  symlinkSync(target, part)
  try {
    const { uid, gid } = fstatSync(place.folder)
    lchownSync(part, uid, gid)
    renameSync(part, at(place.folder, name))
  } catch (error) {
    unlinkSync(part)
    throw error
  }
}

/** Where a link that is there leads. Throws where there is something else. */
function readOld({ folder }: Place, name: Buffer): Buffer | undefined {
  const stat = lstatSync(at(folder, name), { throwIfNoEntry: false })
  if (!stat) return undefined
  if (!stat.isSymbolicLink()) throw new WalkError('EEXIST', 'Something else has that name.')
  return readlinkSync(at(folder, name), { encoding: 'buffer' })
}
