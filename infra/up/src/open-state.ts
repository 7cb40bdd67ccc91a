import { chmod, mkdir, realpath, statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { toStateLayout, type StateLayout } from './state-layout.ts'

// A Unix socket's path holds at most 107 bytes, and the longest of ours ends in "/host/host/docker.sock".
const longestStateDir = 107 - '/host/host/docker.sock'.length
const leastFreeBytes = 2 ** 30

/** Makes the state folder and its parts. Throws one sentence where they can't be used. */
export async function openState(folder: string): Promise<StateLayout> {
  const path = resolve(folder)
  try {
    // Others may pass, not list: the database runs as a user of its own.
    await mkdir(path, { recursive: true, mode: 0o711 })
    const layout = toStateLayout(await realpath(path))
    await chmod(layout.stateDir, 0o711)
    for (const part of [layout.keysDir, layout.logsDir, layout.runDir]) {
      await mkdir(part, { recursive: true, mode: 0o700 })
    }
    await checkRoom(layout.stateDir)
    return layout
  } catch (cause) {
    throw new Error(toSentence(path, cause as NodeJS.ErrnoException), { cause })
  }
}

async function checkRoom(stateDir: string): Promise<void> {
  if (Buffer.byteLength(stateDir) > longestStateDir) {
    throw new Error(
      `The path of the state folder "${stateDir}" is too long for Unix sockets; give one of at most ${longestStateDir} bytes with --state.`,
    )
  }
  const { bavail, bsize } = await statfs(stateDir)
  if (bavail * bsize < leastFreeBytes) throw Object.assign(new Error(), { code: 'ENOSPC' })
}

function toSentence(path: string, { code = '', message }: NodeJS.ErrnoException): string {
  const elsewhere = 'give another one with --state'
  const reasons: Record<string, string> = {
    ENOSPC: `The disk of the state folder "${path}" is full; free at least 1 GiB there, or ${elsewhere}.`,
    EACCES: `The state folder "${path}" is not writable; ${elsewhere}.`,
    EPERM: `The state folder "${path}" is not writable; ${elsewhere}.`,
    EROFS: `The state folder "${path}" is on a read-only file system; ${elsewhere}.`,
    ENOTDIR: `The state folder "${path}" is a file or lies below one; ${elsewhere}.`,
    EEXIST: `The state folder "${path}" is a file or lies below one; ${elsewhere}.`,
  }
  return reasons[code] ?? message
}
