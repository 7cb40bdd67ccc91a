import { closeSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { at, folderFlags, self } from './walk.ts'

/** The folder in which files are written before they get their place, held open. */
export interface Staging extends Disposable {
  readonly fd: number
}

/** Opened anew for each use: where tenants can reach it, they may have removed it. */
export function openStaging(path: string): Staging {
  const fd = openOrMake(path)
  return { fd, [Symbol.dispose]: () => closeSync(fd) }
}

function openOrMake(path: string): number {
  try {
    return openSync(path, folderFlags)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return openSync(path, folderFlags)
  }
}

/** Removes what an earlier run has left half written. */
export function sweepStaging(path: string): void {
  using staging = openStaging(path)
  for (const name of readdirSync(self(staging.fd), { encoding: 'buffer' })) {
    try {
      unlinkSync(at(staging.fd, name))
    } catch {
      // A tenant who can reach it has made a folder of it.
    }
  }
}
