import type { MooseFs } from '@gpulab/testing'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startTestHost, type TestHost } from './test-host.ts'
import { volumesFolder } from './volume-host.ts'

/** A host that has the volumes of that cell. */
export async function startMooseFsHost(cell: MooseFs): Promise<TestHost> {
  const path = await cell.hostPath('a')
  return startTestHost({ GPULAB_MOOSEFS_MASTER: cell.master, PATH: path })
}

/** The processes that serve the mounts of a volume, or of the whole cell. */
export async function findMountProcesses(host: TestHost, name: string): Promise<number[]> {
  const folder = join(volumesFolder(host), 'moosefs')
  const pids = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid))
  const found = await Promise.all(
    pids.map(async (pid) => {
      // It writes its own command line anew: "mfsmount (mounted on: …)".
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const isIt = line.startsWith('mfsmount') && line.includes(folder) && line.includes(name)
      return isIt ? [Number(pid)] : []
    }),
  )
  return found.flat()
}
