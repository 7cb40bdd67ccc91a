import { type BigIntStats, constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { toLocalFailure } from './describe-errno.ts'
import type { FileFacts } from './file-facts.ts'

/** Facts of a file of this machine; undefined where there is none. */
export async function findFacts(
  path: string,
  { followLinks }: { readonly followLinks: boolean },
): Promise<FileFacts | undefined> {
  try {
    const look = followLinks ? stat(path, { bigint: true }) : lstat(path, { bigint: true })
    return toFacts(await look)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw toLocalFailure(error, path)
  }
}

export function toFacts(stats: BigIntStats): FileFacts {
  const type = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'link'
        : 'other'
  return {
    type,
    mode: Number(stats.mode & 0o7777n),
    sizeBytes: Number(stats.size),
    modified: toTime(stats.mtimeNs),
  }
}

/** Rounds down, also before 1970: the decimals are never negative. */
function toTime(nanoseconds: bigint): string {
  const second = 1_000_000_000n
  const rest = ((nanoseconds % second) + second) % second
  return `${(nanoseconds - rest) / second}.${String(rest).padStart(9, '0')}`
}

/** What an earlier copy of the same left, or nothing. It is ours alone: its name carries the process that has it. */
export interface LocalPart {
  readonly path: string
  readonly sizeBytes: number
}

/**
 * Takes over the part of this name that a process left which runs no more, and removes those of other contents. Parts
 * are regular files or folders of ours; whatever else has such a name is left alone.
 */
export async function claimPart(folder: string, partName: string): Promise<LocalPart> {
  const own = join(folder, `${partName}.${process.pid}`)
  const family = partName.slice(0, partName.lastIndexOf('-') + 1)
  let claimed: LocalPart | undefined
  for (const name of await readdir(folder)) {
    if (!name.startsWith(family)) continue
    const [, base, pid = ''] = /^(.*)\.(\d+)$/.exec(name) ?? []
    if (base === undefined || isAlive(Number(pid))) continue
    const path = join(folder, name)
    const facts = await findFacts(path, { followLinks: false })
    if (base === partName && facts?.type === 'file' && !claimed) {
      await rename(path, own)
      claimed = { path: own, sizeBytes: facts.sizeBytes }
    } else {
      await rm(path, { recursive: true, force: true })
    }
  }
  return claimed ?? { path: own, sizeBytes: 0 }
}

/** Ours is not left by anybody else, but by an earlier run that had the same number. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Makes what was renamed in a folder last. File systems that cannot do so for folders need not. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch {
    // Nothing can be done about it, and the content itself is safe.
  } finally {
    await handle.close()
  }
}

export const makeParents = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw toLocalFailure(error, folder)
  })
}
