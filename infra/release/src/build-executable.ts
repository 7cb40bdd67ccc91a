import { executableBundle } from '@gpulab/cli/executable-bundle'
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
    const bundle = join(folder, 'gpulab.cjs')
    await build(executableBundle(bundle))
    await promisify(execFile)(bun, compileArguments(target, bundle, outFile), {
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
  `--target=${bunTarget(target)}`,
  // The framework loads it to run sources.
  '--external=typescript',
  // A file of the folder that a user happens to be in must not change where a key is sent.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  `--outfile=${outFile}`,
  bundle,
]
