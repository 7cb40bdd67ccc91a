import { join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { VolumeDriver } from '../driver.ts'
import { lost } from '../failure.ts'
import { isThere, lookAt } from '../look-at.ts'
import { findMount } from '../mount-table.ts'
import { runTool } from '../run-tool.ts'
import { createSharedMounts, type MountAt } from '../shared-mounts.ts'
import { createMeasure } from '../measure.ts'

export interface NfsDeps {
  readonly mount: MountAt
  readonly log: FastifyBaseLogger
}

const callMs = 20_000
const removeMs = 600_000
const exportName = 'export'

/**
 * Mounts an export of a server that somebody else runs. Soft: once the server is silent for long, what waits for it fails
 * and goes on when it is back. A refused connection is not tried for minutes.
 */
export const mountExport =
  (source: string, options: string): MountAt =>
  async (target) =>
    void (await runTool(
      'mount',
      ['-t', 'nfs', '-o', `soft,timeo=50,retrans=2,retry=0,nosuid,nodev,${options}`, source, target],
      {
        timeoutMs: callMs,
      },
    ))

/**
 * Volumes of an NFS export, which any number of hosts can have at a time: each is a folder in it (`<uuid>/data`). Nothing
 * enforces their sizes. The export is never touched in this process.
 */
export function createNfsDriver(folder: string, { mount, log }: NfsDeps): VolumeDriver {
  const mounts = createSharedMounts(folder, () =>
    log.warn('the mount of the NFS export was put in place anew'),
  )
  const root = join(mounts.folder, exportName)
  const folderOf = (uuid: string): string => join(root, uuid)
  const dataOf = (uuid: string): string => join(folderOf(uuid), 'data')
  const { measure, forget } = createMeasure(folderOf)
  const run = (program: string, ...args: string[]) => runTool(program, args, { timeoutMs: callMs })

  const verify = async (uuid: string): Promise<void> => {
    if (!(await findMount(root))) throw new Error('The NFS export is not mounted.')
    if (!(await isThere(dataOf(uuid)))) throw new Error('It is not there on the NFS export.')
  }

  return {
    ensure: async ({ uuid, manages, wasMade }) => {
      await mounts.ensure(exportName, mount)
      if (await isThere(dataOf(uuid))) return
      if (wasMade) throw lost(uuid)
      if (!manages) throw new Error('It is not there on the NFS export.')
      const fresh = `${folderOf(uuid)}.new`
      await run('mkdir', '-p', '-m', '0711', fresh)
      await run('mkdir', '-p', '-m', '0777', join(fresh, 'data'))
      await run('mv', '-T', fresh, folderOf(uuid))
    },
    verify,
    usage: async (uuid) => {
      const look = await lookAt(root)
      if (look.state !== 'answers') throw new Error('The NFS server does not answer.')
      return { sizeBytes: look.usage.sizeBytes, usedBytes: await measure(uuid), enforced: false }
    },
    remove: async (uuid, { manages }) => {
      forget(uuid)
      if (!manages) return
      await mounts.ensure(exportName, mount)
      // rm of coreutils goes by descriptors and follows no link that is put in its way.
      const places = [folderOf(uuid), `${folderOf(uuid)}.new`]
      await runTool('rm', ['-rf', '--one-file-system', '--', ...places], { timeoutMs: removeMs })
    },
    source: async (uuid) => ({ path: dataOf(uuid), propagation: 'rprivate' }),
    folders: async (uuid) => ({
      root: dataOf(uuid),
      staging: join(folderOf(uuid), 'staging'),
      hiddenName: undefined,
    }),
    unmountAll: () => mounts.unmountAll(),
  }
}
