import type { ChildProcess } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'

import type { Binaries } from './binaries.ts'
import { databaseError } from './errors.ts'
import { launch } from './launch.ts'
import type { Layout } from './layout.ts'
import { choosePort, keepPort } from './port.ts'
import { answers, findPostmaster, type Postmaster, stopPostmaster } from './postmaster.ts'
import { openServerLog, reasonIn, type ServerLog } from './server-log.ts'
import type { ServerUser } from './server-user.ts'

export interface RunOptions {
  readonly layout: Layout
  readonly binaries: Binaries
  readonly user: ServerUser
  readonly port: number | undefined
  readonly durable: boolean
  /** Ends the attempt; also carries the deadline. */
  readonly signal: AbortSignal
}

type Attempt = { readonly started: Postmaster } | { readonly failed: string }

/** Adopts the cluster's running server, waits for one that is starting or stopping, or starts one. */
export async function runServer(options: RunOptions): Promise<Postmaster & { adopted: boolean }> {
  const { layout, signal } = options
  for (;;) {
    signal.throwIfAborted()
    const running = await findPostmaster(layout.clusterDir)
    if (running) {
      if (running.status === 'ready' && (await answers(running.port, signal)))
        return { ...running, adopted: true }
      await wait(10, undefined, { signal })
      continue
    }
    const attempt = await tryStart(options)
    if ('started' in attempt) return { ...attempt.started, adopted: false }
    if (!isPassing(attempt.failed, options.port !== undefined)) {
      throw databaseError(
        `The database server did not start: ${reasonIn(attempt.failed)}.`,
        `Its log is ${layout.logFile}.`,
      )
    }
    await wait(20, undefined, { signal })
  }
}

/** Another starter was faster, the port was taken meanwhile, or a killed server's sessions are still ending. */
function isPassing(log: string, portWanted: boolean): boolean {
  if (/lock file "postmaster\.pid" already exists|pre-existing shared memory block/.test(log)) return true
  return /Address already in use/.test(log) && !portWanted
}

async function tryStart(options: RunOptions): Promise<Attempt> {
  const { layout, user, binaries } = options
  const port = await choosePort(layout.portFile, options.port, options.signal)
  const log = await openServerLog(layout.logFile)
  try {
    const child = await launch({
      command: binaries.postgres,
      args: serverArgs(layout.clusterDir, port, options.durable),
      user,
      cwd: layout.clusterDir,
      stdio: ['ignore', log.fd, log.fd],
      onOrphaned: 'INT',
    })
    child.unref()
    const attempt = await untilReadyOrGone(child, log, options)
    if ('started' in attempt) await keepPort(layout.portFile, attempt.started.port)
    return attempt
  } finally {
    await log.close()
  }
}

async function untilReadyOrGone(child: ChildProcess, log: ServerLog, options: RunOptions): Promise<Attempt> {
  const { layout, signal } = options
  try {
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) return { failed: await log.read() }
      const running = await findPostmaster(layout.clusterDir)
      const ready = running?.pid === child.pid && running?.status === 'ready'
      if (running && ready && (await answers(running.port, signal))) return { started: running }
      await wait(5, undefined, { signal })
    }
  } catch (error) {
    if (child.pid !== undefined) await stopPostmaster(layout.clusterDir, child.pid)
    throw error
  }
}

function serverArgs(clusterDir: string, port: number, durable: boolean): string[] {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    // Tables that a new fleet fills within seconds are counted soon, not after a minute of plans for empty ones.
    autovacuum_naptime: '5s',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    ...(!durable && {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      wal_level: 'minimal',
      max_wal_senders: 0,
    }),
  }
  return [
    '-D',
    clusterDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}
