import { createHash } from 'node:crypto'
import { access, readFile, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { findProgram, holdMachineLock, installPackages, runCommand, systemPath } from '@gpulab/images'
import { type GuestBuild, guestPath, hostBuild } from './guest-path.ts'

const folder = resolve(import.meta.dirname, '..')

const needed = [
  ['gcc', 'gcc'],
  ['make', 'make'],
] as const

/**
 * Builds the guest if its sources have changed, and gives its path. Installs the distribution's compiler where it is
 * missing and we are root; throws one sentence where it can't. The other architecture is built where its cross
 * compiler is installed.
 */
export async function ensureGuestBuilt(build: GuestBuild = hostBuild): Promise<string> {
  await ensureTarget(build === 'asan' ? 'asan' : 'all', guestPath(build))
  return guestPath(build)
}

/** As `ensureGuestBuilt`, for the program that feeds mutated frames to the guest's parser. */
export async function ensureFuzzerBuilt(): Promise<string> {
  const path = join(folder, 'dist/fuzz/frames')
  await ensureTarget('fuzz', path)
  return path
}

async function ensureTarget(target: 'all' | 'asan' | 'fuzz', output: string): Promise<void> {
  await using _lock = await holdMachineLock(`guest ${folder}`, 300_000)
  const stamp = join(folder, 'dist', `${target}.sources`)
  const sources = await hashSources()
  const isCurrent = (await readFile(stamp, 'utf8').catch(() => '')) === sources
  if (isCurrent && (await exists(output))) return
  await ensureCompiler()
  const env = { ...process.env, PATH: systemPath() }
  // Changed sources may have older times than what was built: checkouts are like that.
  await runCommand('make', ['--always-make', '-C', folder, target], { timeoutMs: 300_000, env })
  await writeFile(stamp, sources)
}

async function ensureCompiler(): Promise<void> {
  const missing: string[] = []
  for (const [program, name] of needed) if (!(await findProgram(program))) missing.push(name)
  const headers = '/usr/include/stdio.h'
  if (!(await exists(headers))) missing.push('libc6-dev')
  if (missing.length > 0) await installPackages(missing, 'Building the guest')
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const part of ['program', 'files', 'fuzz', 'dialer']) {
    for (const name of (await readdir(join(folder, part))).toSorted()) {
      hash.update(`${part}/${name}\0`).update(await readFile(join(folder, part, name)))
    }
  }
  return hash.update(await readFile(join(folder, 'Makefile'))).digest('hex')
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )
