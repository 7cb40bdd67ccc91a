import { findCellObstacle } from '@gpulab/moosefs-cell'
import { type MooseFs, startMooseFs } from '@gpulab/testing'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'
import { volumesFolder } from './volume-host.ts'

/** There once the tests run. */
interface MooseFsHost {
  readonly cell: MooseFs
  /** Has the volumes of that cell. */
  readonly host: TestHost
}

/** Tests with a cell and a host of their own; where there can be none, the output says so. */
export async function describeMooseFs(
  title: string,
  define: (mfs: MooseFsHost) => void,
  settings: NodeJS.ProcessEnv = {},
): Promise<void> {
  const obstacle = await findCellObstacle()
  if (obstacle !== undefined)
    process.stderr.write(`\n!!! VOLUMES OF MOOSEFS ARE NOT TESTED HERE: ${obstacle}\n\n`)
  describe.skipIf(obstacle !== undefined)(`with a MooseFS cell of its own: ${title}`, () => {
    const stack = new AsyncDisposableStack()
    const parts = {} as { -readonly [Key in keyof MooseFsHost]: MooseFsHost[Key] }
    beforeAll(async () => {
      parts.cell = stack.use(await startMooseFs())
      const path = await parts.cell.hostPath('a')
      const environment = { ...settings, GPULAB_MOOSEFS_MASTER: parts.cell.master, PATH: path }
      parts.host = stack.use(await startTestHost(environment))
    })
    afterAll(() => stack.disposeAsync())
    define(parts)
  })
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
