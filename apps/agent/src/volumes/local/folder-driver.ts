import { chmod, mkdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { VolumeDriver } from '../driver.ts'
import { lost } from '../failure.ts'
import { createMeasure } from '../measure.ts'
import { runTool } from '../run-tool.ts'
import { requireRoom } from './room.ts'

const dataMode = 0o777

/**
 * For hosts that can not mount images: a volume is a plain folder (`folders/<uuid>`), whose size nothing enforces. It is
 * never mounted, so nothing has to be done again after a reboot.
 */
export function createFolderDriver(folder: string): VolumeDriver {
  const folders = join(folder, 'folders')
  const folderOf = (uuid: string): string => join(folders, uuid)
  const { measure, forget } = createMeasure(folderOf)

  return {
    ensure: async ({ uuid, sizeBytes, wasMade }) => {
      await mkdir(folders, { recursive: true })
      // Not mounted, it is not "nosuid": users of the host must not get at programs that a tenant's root has left there.
      await chmod(folders, 0o700)
      if (await isThere(folderOf(uuid))) return
      if (wasMade) throw lost(uuid)
      await requireRoom(folders, sizeBytes)
      const fresh = `${folderOf(uuid)}.new`
      await rm(fresh, { recursive: true, force: true })
      await mkdir(join(fresh, 'data'), { recursive: true, mode: 0o711 })
      await chmod(join(fresh, 'data'), dataMode)
      await rename(fresh, folderOf(uuid))
    },
    verify: async (uuid) => void (await stat(join(folderOf(uuid), 'data'))),
    usage: async (uuid) => {
      const { blocks, bsize } = await statfs(folderOf(uuid))
      return { sizeBytes: blocks * bsize, usedBytes: await measure(uuid), enforced: false }
    },
    remove: async (uuid) => {
      forget(uuid)
      // rm of coreutils goes by descriptors and follows no link that is put in its way.
      await runTool('rm', ['-rf', '--one-file-system', '--', folderOf(uuid), `${folderOf(uuid)}.new`], {
        timeoutMs: 600_000,
      })
    },
    source: async (uuid) => ({ path: join(folderOf(uuid), 'data'), propagation: 'rprivate' }),
    folders: async (uuid) => ({
      root: join(folderOf(uuid), 'data'),
      staging: join(folderOf(uuid), 'staging'),
      hiddenName: undefined,
    }),
    unmountAll: () => Promise.resolve(),
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return false
    },
  )
