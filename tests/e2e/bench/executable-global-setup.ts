import { buildOwnExecutable } from '@gpulab/release'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Benches run what users have: the release's executable. GPULAB_TEST_CLI names another. */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['GPULAB_TEST_CLI']) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-bench-'))
  const executable = join(folder, 'gpulab')
  await buildOwnExecutable(executable)
  process.env['GPULAB_TEST_CLI'] = executable
  return () => rm(folder, { recursive: true })
}
