import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const build = fileURLToPath(new URL('build-executable.ts', import.meta.url))

/** Benches run what users have: the release's executable. GPULAB_TEST_CLI names another. */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['GPULAB_TEST_CLI']) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-bench-'))
  const executable = join(folder, 'gpulab')
  // In a process of its own: Vite, which runs this, has no import.meta.resolve.
  await promisify(execFile)(process.execPath, [build, executable])
  process.env['GPULAB_TEST_CLI'] = executable
  return () => rm(folder, { recursive: true })
}
