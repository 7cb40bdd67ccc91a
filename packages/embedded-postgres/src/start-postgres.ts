import { access, chmod, constants, mkdir, realpath } from 'node:fs/promises'

import { findBarrier, toPass } from './barrier.ts'
import { findBinaries } from './binaries.ts'
import { checkVersion, createCluster, findClusterVersion, superuser } from './cluster.ts'
import { databaseError, hasErrorCode } from './errors.ts'
import { type Layout, layoutOf } from './layout.ts'
import { readOrCreatePassword } from './password.ts'
import { stopPostmaster } from './postmaster.ts'
import { runServer } from './run-server.ts'
import { findServerUser, type ServerUser } from './server-user.ts'

// Recovery after a crash can take a while; a start that is still at it then is worth a person's look.
const startDeadlineMs = 60_000

export interface StartPostgresOptions {
  /** Made when it is not there. Belongs to this package alone: cluster, password, port and log lie in it. */
  readonly dataDir: string
  /** On 127.0.0.1. Without it: the port of last time while that is free, else any free one. */
  readonly port?: number
  /** False gives up what was committed just before a crash, for speed; for tests. */
  readonly durable?: boolean
  readonly signal?: AbortSignal
}

export interface PostgresServer {
  /** `postgres://user:password@127.0.0.1:port/postgres`; the user is a superuser. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  readonly pid: number
  /** Whether it ran already, for somebody else. */
  readonly adopted: boolean
  /** Ends the server, also one that was adopted. Sessions are cut, everything committed is kept. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a real PostgreSQL server on a data directory of its own, makes the cluster when there is none, and returns
 * when the server answers (about 1 s the first time, 50 ms later). A server that already runs on this directory is
 * adopted as it is, its port included. A server ends with the process that started it, even one killed by SIGKILL,
 * where util-linux' setpriv is there; elsewhere the next start adopts it.
 *
 * Throws GpulabError `database_unavailable` with the reason and the next step, or the signal's reason.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  const deadline = AbortSignal.timeout(startDeadlineMs)
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  try {
    signal.throwIfAborted()
    return await start(options, signal)
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw deadline.aborted ? deadlineError(options, error) : toDatabaseError(options, error)
  }
}

async function start(options: StartPostgresOptions, signal: AbortSignal): Promise<PostgresServer> {
  const { port, durable = true } = options
  const layout = await openDataDir(options.dataDir)
  const user = await findServerUser(layout.clusterDir)
  await checkReach(layout.dataDir, user)
  const binaries = await findBinaries(user)
  const version = await findClusterVersion(layout)
  if (version !== undefined) checkVersion(layout, version, binaries)
  const password = await readOrCreatePassword(layout.passwordFile, version !== undefined)
  if (version === undefined) await createCluster({ layout, binaries, user, password, durable, signal })
  const {
    pid,
    port: actualPort,
    adopted,
  } = await runServer({ layout, binaries, user, port, durable, signal })
  const stop = (): Promise<void> => stopPostmaster(layout.clusterDir, pid)
  return {
    url: `postgres://${superuser}:${password}@127.0.0.1:${actualPort}/postgres`,
    port: actualPort,
    dataDir: layout.dataDir,
    pid,
    adopted,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function openDataDir(dataDir: string): Promise<Layout> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 })
  const layout = layoutOf(await realpath(dataDir))
  await access(layout.dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  // The server's user has to pass through, but not to list: a directory of mkdtemp is closed to it.
  if (process.geteuid?.() === 0) await chmod(layout.dataDir, 0o711)
  return layout
}

async function checkReach(dataDir: string, user: ServerUser): Promise<void> {
  const barrier = await findBarrier(dataDir, user, toPass)
  if (barrier === undefined) return
  throw databaseError(
    `The database runs as user ${user.name}, who cannot pass ${barrier} on the way to ${dataDir}.`,
    `Allow it with chmod o+x ${barrier}, or choose another data directory, such as one under /var/lib.`,
  )
}

function deadlineError({ dataDir }: StartPostgresOptions, cause: unknown): Error {
  return databaseError(
    `The database server did not become ready within ${startDeadlineMs / 1000} seconds.`,
    `It may still be recovering from a crash: look at ${layoutOf(dataDir).logFile} and start again.`,
    cause,
  )
}

/** Says in a sentence what the file system refused; anything else goes through. */
function toDatabaseError({ dataDir }: StartPostgresOptions, error: unknown): unknown {
  const sentence = `The database's data directory ${dataDir} cannot be used`
  if (hasErrorCode(error, 'ENOSPC', 'EDQUOT')) {
    return databaseError(
      `${sentence}: the disk is full.`,
      'Free about 100 MB there, or choose another.',
      error,
    )
  }
  if (hasErrorCode(error, 'EEXIST', 'ENOTDIR')) {
    return databaseError(`${sentence}: it is not a directory.`, 'Choose a directory.', error)
  }
  if (hasErrorCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return databaseError(`${sentence}: it is not writable.`, 'Choose one that this user may write.', error)
  }
  return error
}
