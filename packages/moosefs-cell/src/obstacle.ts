import { findProgram, installPackages } from '@gpulab/images'
import { access } from 'node:fs/promises'

const packages = [
  ['mfsmaster', 'moosefs-master'],
  ['mfschunkserver', 'moosefs-chunkserver'],
  ['mfsmount', 'moosefs-client'],
  ['mfscli', 'moosefs-cli'],
] as const

/** Why this machine can have no cell; undefined where it can. Installs Debian's packages where they are missing. */
export async function findCellObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root'
  const hasFuse = await access('/dev/fuse').then(
    () => true,
    () => false,
  )
  if (!hasFuse) return 'there is no /dev/fuse'
  const missing: string[] = []
  for (const [program, name] of packages) if (!(await findProgram(program))) missing.push(name)
  if (missing.length > 0) await installPackages(missing, 'A MooseFS cell')
  return undefined
}
