import type { FailPoint } from '@gpulab/fail-points'
import { join } from 'node:path'
import { isThere } from '../look-at.ts'
import { runTool } from '../run-tool.ts'
import type { SharedMounts } from '../shared-mounts.ts'

/** The folders of a cell's volumes, which only a host with `admin` in the cell's exports can make and size. */
export interface CellFolders {
  /** Whether there is such a volume. */
  has(uuid: string): Promise<boolean>
  /** It is there once it has its size. */
  make(uuid: string, sizeBytes: number): Promise<void>
  resize(uuid: string, sizeBytes: number): Promise<void>
  remove(uuid: string): Promise<void>
}

interface CellDeps {
  readonly mountRoot: () => Promise<void>
  readonly failPoint: FailPoint
}

/** Every call of these has a deadline: a cell without its master answers nothing. */
const callMs = 20_000
const removeMs = 600_000
/** Each file takes 64 KiB of disk at least, so empty ones may not be had without end. */
const inodesMin = 100_000
const bytesPerInode = 65_536

/**
 * Through a mount of the whole cell that no container can have. The cell's tools talk to its master by way of that mount,
 * so they run where it is mounted. Nothing here touches it in the agent's own process.
 */
export function createCellFolders(
  mounts: SharedMounts,
  folder: string,
  { mountRoot, failPoint }: CellDeps,
): CellFolders {
  const root = join(mounts.folder, 'cell', folder)
  const pathOf = (uuid: string): string => join(root, uuid)
  const setSize = async (path: string, sizeBytes: number): Promise<void> => {
    const inodes = Math.max(inodesMin, Math.ceil(sizeBytes / bytesPerInode))
    const limits = ['-L', String(sizeBytes), '-I', String(inodes)]
    await runTool('mfssetquota', [...limits, path], { timeoutMs: callMs })
  }
  /** Whether there was something. */
  const erase = async (path: string): Promise<boolean> => {
    if (!(await isThere(path))) return false
    // Of what is a snapshot the master removes a tree by itself, in one step.
    await runTool('mfsseteattr', ['-r', '-f', 'snapshot', path], { timeoutMs: removeMs })
    await runTool('mfsrmsnapshot', ['-f', path], { timeoutMs: removeMs })
    return true
  }

  return {
    has: async (uuid) => {
      await mountRoot()
      return isThere(pathOf(uuid))
    },
    make: async (uuid, sizeBytes) => {
      await mountRoot()
      const fresh = `${pathOf(uuid)}.new`
      await erase(fresh)
      await runTool('mkdir', ['-p', '-m', '0711', root], { timeoutMs: callMs })
      await runTool('mkdir', ['-m', '0777', fresh], { timeoutMs: callMs })
      await failPoint('agent.volume.reserved', uuid)
      // What is deleted would fill the disks for another day.
      await runTool('mfssettrashtime', ['0', fresh], { timeoutMs: callMs })
      await setSize(fresh, sizeBytes)
      await runTool('mv', ['-T', '-n', fresh, pathOf(uuid)], { timeoutMs: callMs })
      await failPoint('agent.volume.placed', uuid)
    },
    resize: async (uuid, sizeBytes) => {
      await mountRoot()
      await failPoint('agent.volume.growing', uuid)
      await setSize(pathOf(uuid), sizeBytes)
      await failPoint('agent.volume.grown', uuid)
    },
    remove: async (uuid) => {
      await mountRoot()
      const removed = `${pathOf(uuid)}.removed`
      // Once only: the kernel goes on to show for a second what the master has removed.
      if (!(await erase(removed)) && (await isThere(pathOf(uuid)))) {
        await runTool('mv', ['-T', pathOf(uuid), removed], { timeoutMs: callMs })
        await failPoint('agent.volume.removing', uuid)
        await erase(removed)
      }
      await erase(`${pathOf(uuid)}.new`)
    },
  }
}
