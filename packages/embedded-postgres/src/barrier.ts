import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import type { ServerUser } from './server-user.ts'

interface Permissions {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

type Bit = typeof toPass | typeof toRead
export const toPass = 0o1
export const toRead = 0o4

/**
 * The outermost directory on the way to `path` that `user` may not pass, or `path` itself if `bit` is not allowed
 * there. Looks at mode bits only: an access control list that allows more is not seen.
 */
export async function findBarrier(path: string, user: ServerUser, bit: Bit): Promise<string | undefined> {
  for (const directory of ancestorsOf(path)) {
    if (!allows(await stat(directory), user, toPass)) return directory
  }
  return allows(await stat(path), user, bit) ? undefined : path
}

export function allows({ uid, gid, mode }: Permissions, user: ServerUser, bit: Bit): boolean {
  if (uid === user.uid) return (mode & (bit << 6)) !== 0
  if (gid === user.gid) return (mode & (bit << 3)) !== 0
  return (mode & bit) !== 0
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [...ancestorsOf(parent), parent]
}
