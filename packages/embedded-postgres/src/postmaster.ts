import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { databaseError, hasErrorCode } from './errors.ts'

/** A live server of a cluster, as its postmaster.pid tells. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** The server's own word; `stopping` does not come back. */
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown'
}

/** The server that runs on this cluster, if any. A postmaster.pid that a killed server left behind is none. */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | undefined> {
  const file = await readIfThere(join(clusterDir, 'postmaster.pid'))
  const postmaster = file === undefined ? undefined : parsePostmasterPid(file)
  return postmaster && (await isPostmasterOf(clusterDir, postmaster.pid)) ? postmaster : undefined
}

/** Its lines: pid, data directory, start time, port, socket directory, listen address, shared memory, status. */
export function parsePostmasterPid(file: string): Postmaster | undefined {
  const lines = file.split('\n').map((line) => line.trim())
  const pid = Number(lines[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  const status = (['starting', 'stopping', 'ready', 'standby'] as const).find((word) => word === lines[7])
  return { pid, port: Number(lines[3] ?? 0), status: status ?? 'unknown' }
}

/** Guards against a pid that now belongs to some other process; a zombie has no command line and counts as gone. */
export async function isPostmasterOf(clusterDir: string, pid: number): Promise<boolean> {
  const commandLine = await readIfThere(`/proc/${pid}/cmdline`)
  return commandLine?.split('\0').includes(clusterDir) ?? false
}

/**
 * Whether a server answers the protocol's SSLRequest. A mere connection proves less: the kernel accepts it for a
 * server that hangs.
 */
export async function answers(port: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: '127.0.0.1', port })
  socket.setTimeout(2000, () => resolve(false))
  socket.once('data', () => resolve(true))
  socket.once('error', () => resolve(false))
  socket.once('close', () => resolve(false))
  const abort = (): void => resolve(false)
  signal.addEventListener('abort', abort)
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

// SIGINT is PostgreSQL's fast shutdown: sessions are ended and everything is written. After SIGQUIT and SIGKILL the
// next start recovers from the log.
const stopSteps = [
  { name: 'SIGINT', patienceMs: 15_000 },
  { name: 'SIGQUIT', patienceMs: 5_000 },
  { name: 'SIGKILL', patienceMs: 5_000 },
] as const

/** Ends a server, whoever started it. Returns when its process is gone. */
export async function stopPostmaster(clusterDir: string, pid: number): Promise<void> {
  for (const { name, patienceMs } of stopSteps) {
    if (!(await isPostmasterOf(clusterDir, pid))) return
    try {
      process.kill(pid, name)
    } catch (error) {
      if (!hasErrorCode(error, 'ESRCH')) throw error
    }
    const deadline = Date.now() + patienceMs
    while (Date.now() < deadline) {
      if (!(await isPostmasterOf(clusterDir, pid))) return
      await wait(5)
    }
  }
  throw databaseError(
    `The database server, process ${pid}, does not end.`,
    'Look at it with ps and at its disk.',
  )
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}
