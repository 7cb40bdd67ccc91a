import { executableBundles } from '@gpulab/cli/executable-bundle'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'rolldown'
import { bunTarget, ownTarget, type Target } from './targets.ts'

const bun = fileURLToPath(new URL('../node_modules/.bin/bun', import.meta.url))
const timeoutMs = 300_000

/**
 * Writes the CLI as one program that needs nothing else. For another system than this one, Bun fetches its base from
 * the npm registry once.
 */
export async function buildExecutable(target: Target, outFile: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-executable-'))
  try {
    await build(executableBundles(folder))
    await promisify(execFile)(bun, compileArguments(target, join(folder, 'main.cjs'), outFile), {
      cwd: folder,
      timeout: timeoutMs,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Of the machine that builds. */
export async function buildOwnExecutable(outFile: string): Promise<void> {
  const target = ownTarget()
  if (!target) throw new Error(`There are no executables for ${process.platform} on ${process.arch}`)
  await buildExecutable(target, outFile)
}

export const compileArguments = (target: Target, bundle: string, outFile: string): string[] => [
  'build',
  '--compile',
  '--minify',
  // Half of the time of a start.
  '--bytecode',
  // What is imported lazily is read when it is wanted: 3 ms of a start.
  '--splitting',
  '--format=esm',
  // Compiling takes longer than what runs once (1 ms); the program turns this off when it goes on for longer.
  '--compile-jit-policy=100',
  `--target=${bunTarget(target)}`,
  // The framework loads it to run sources.
  '--external=typescript',
  // A file of the folder that a user happens to be in must not change where a key is sent.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  `--outfile=${outFile}`,
  bundle,
]
