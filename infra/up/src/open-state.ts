import { access, chmod, mkdir, readdir, realpath, rm, statfs, writeFile } from 'node:fs/promises'
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
    const isEmpty = (await readdir(layout.stateDir)).length === 0
    if (!isEmpty && !(await isState(layout))) throw Object.assign(new Error(), { code: 'ENOTEMPTY' })
    await chmod(layout.stateDir, 0o711)
    await writeFile(
      layout.markerFile,
      'This folder belongs to GPULab; "npm run down -- --purge" empties it.\n',
    )
    for (const part of [layout.keysDir, layout.logsDir, layout.runDir, layout.agentDir]) {
      await mkdir(part, { recursive: true, mode: 0o700 })
    }
    await checkRoom(layout.stateDir)
    return layout
  } catch (cause) {
    throw new Error(toSentence(path, cause as NodeJS.ErrnoException), { cause })
  }
}

/** Only a folder that "up" has marked is GPULab's. */
export const isState = ({ markerFile }: StateLayout): Promise<boolean> => exists(markerFile)

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** From now on the state is worth keeping. */
export const markReady = ({ readyFile }: StateLayout): Promise<void> => writeFile(readyFile, '')

/** A first start that failed leaves nothing. */
export async function removeUnready(layout: StateLayout): Promise<void> {
  if (!(await exists(layout.readyFile))) await removeState(layout)
}

/** Removes a state folder of ours with everything in it; another one is left alone. */
export async function removeState(layout: StateLayout): Promise<void> {
  if (await isState(layout)) await rm(layout.stateDir, { recursive: true, force: true, maxRetries: 5 })
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
    ENOTEMPTY: `The state folder "${path}" holds something that is not GPULab's; ${elsewhere}.`,
    ENOTDIR: `The state folder "${path}" is a file or lies below one; ${elsewhere}.`,
    EEXIST: `The state folder "${path}" is a file or lies below one; ${elsewhere}.`,
  }
  return reasons[code] ?? message
}
