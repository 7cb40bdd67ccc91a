import { chmod, mkdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { VolumeDriver } from '../driver.ts'
import { runTool } from '../run-tool.ts'
import { lost } from './image-driver.ts'
import { requireRoom } from './room.ts'

const dataMode = 0o777
const measureMs = 120_000
/** Counting is dear: once for many looks. */
const measureAgainMs = 300_000

/**
 * For hosts that can not mount images: a volume is a plain folder (`folders/<uuid>`), whose size nothing enforces. It is
 * never mounted, so nothing has to be done again after a reboot.
 */
export function createFolderDriver(folder: string): VolumeDriver {
  const folders = join(folder, 'folders')
  const folderOf = (uuid: string): string => join(folders, uuid)
  const measured = new Map<string, { readonly at: number; readonly bytes: Promise<number> }>()

  const measure = (uuid: string): Promise<number> => {
    const known = measured.get(uuid)
    if (known && performance.now() - known.at < measureAgainMs) return known.bytes
    // As a program of its own, so that a hostile tree can hold up nothing here.
    const bytes = runTool('du', ['-sx', '--block-size=1', folderOf(uuid)], { timeoutMs: measureMs }).then(
      (text) => Number.parseInt(text, 10),
    )
    measured.set(uuid, { at: performance.now(), bytes })
    bytes.catch(() => measured.delete(uuid))
    return bytes
  }

  return {
    ensure: async ({ uuid, sizeBytes, wasMade }) => {
      await mkdir(folders, { recursive: true, mode: 0o711 })
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
      measured.delete(uuid)
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
