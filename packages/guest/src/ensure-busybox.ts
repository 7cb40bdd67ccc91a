import { access, chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { downloadPackage, findBusybox, holdMachineLock } from '@gpulab/images'
import { guestPath } from './guest-path.ts'

/** Path of the static busybox that lies beside the guest, and may not be there yet. */
export const busyboxPath = (): string => join(dirname(guestPath()), 'busybox')

/**
 * Takes this machine's static busybox out of the distribution's package, and gives its path. Containers see it beside
 * the guest, so that `gpulab cp` finds tar and a shell in any image. Throws one sentence where it can't.
 */
export async function ensureBusybox(): Promise<string> {
  const path = busyboxPath()
  await using _lock = await holdMachineLock(`busybox ${path}`, 300_000)
  if (await exists(path)) return path
  const work = await mkdtemp(join(tmpdir(), 'gpulab-busybox-'))
  try {
    await downloadPackage('busybox-static', work)
    await mkdir(dirname(path), { recursive: true })
    await copyFile(await findBusybox(work), `${path}.new`)
    await chmod(`${path}.new`, 0o755)
    await rename(`${path}.new`, path)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return path
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )
