import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import type { VolumeDriver } from '../driver.ts'
import { lost, VolumeFailure } from '../failure.ts'
import { lookAt } from '../look-at.ts'
import { findMount } from '../mount-table.ts'
import { runTool } from '../run-tool.ts'
import { createSharedMounts, type MountAt } from '../shared-mounts.ts'
import { createCellFolders } from './cell-folders.ts'
import { type Cell, toMountCommand } from './mount-command.ts'

interface MooseFsDeps {
  readonly cell: Cell
  readonly log: FastifyBaseLogger
  readonly failPoint: FailPoint
}

const mountMs = 30_000
/** What `df` shows is in whole blocks. */
const blockBytes = 65_536

/**
 * Volumes of a MooseFS cell, which any number of hosts can have at a time: each is a folder of the cell with a quota, and
 * a mount of its own on every host that has it (`<folder>/mounts/<uuid>`), so that `df` shows its size. What containers get
 * is the mount itself, for only that can be healed under them. Nothing of a volume is ever touched in this process.
 */
export function createMooseFsDriver(folder: string, { cell, log, failPoint }: MooseFsDeps): VolumeDriver {
  const mounts = createSharedMounts(join(folder, 'mounts'), (name) =>
    log.warn({ volume: name }, 'a mount had lost its process and was put in place anew'),
  )
  // Of the whole cell: below a folder that nobody but root may enter.
  const own = createSharedMounts(join(folder, 'private'), () =>
    log.warn('the mount of the cell was put in place anew'),
  )
  const mountOf = (uuid: string): string => join(mounts.folder, uuid)

  const mountPath =
    (path: string, name: string): MountAt =>
    async (target) => {
      const unit = existsSync('/run/systemd/system')
        ? `gpulab-volume-${name}-${randomBytes(4).toString('hex')}`
        : undefined
      const [program, args] = toMountCommand(cell, { path, target, unit })
      await runTool(program, args, { timeoutMs: mountMs })
    }
  const mountRoot = (): Promise<void> => own.ensure('cell', mountPath('/', 'cell'))
  const folders = createCellFolders(own, cell.folder, { mountRoot, failPoint })
  const ask = async (uuid: string) => {
    const look = await lookAt(mountOf(uuid))
    if (look.state === 'answers') return look.usage
    throw new Error(look.state === 'dead' ? 'Its mount has lost its process.' : look.problem)
  }

  return {
    ensure: async ({ uuid, sizeBytes, manages, wasMade }) => {
      if (manages && !(await findMount(mountOf(uuid))) && !(await folders.has(uuid))) {
        if (wasMade) throw lost(uuid)
        await folders.make(uuid, sizeBytes)
      }
      await mounts.ensure(uuid, mountPath(join(cell.folder, uuid), uuid))
      if (!manages) return
      const { sizeBytes: now } = await ask(uuid)
      if (Math.abs(now - sizeBytes) < blockBytes) return
      await folders.resize(uuid, sizeBytes)
      log.info({ volume: uuid, bytes: sizeBytes }, 'a volume has another size')
    },
    verify: async (uuid) => {
      if (!(await findMount(mountOf(uuid)))) throw new Error('It is not mounted.')
      await ask(uuid)
    },
    usage: async (uuid) => ({ ...(await ask(uuid)), enforced: true }),
    remove: async (uuid, { manages }) => {
      await mounts.unmount(uuid)
      if (manages) await folders.remove(uuid)
    },
    source: async (uuid) => ({ path: mountOf(uuid), propagation: 'rslave' }),
    folders: async (uuid) => ({
      root: mountOf(uuid),
      staging: join(mountOf(uuid), stagingName),
      hiddenName: stagingName,
    }),
    unmountAll: async () => {
      await mounts.unmountAll()
      await own.unmountAll()
    },
  }
}

/** In the volume itself, as a rename does not lead out of a mount. */
const stagingName = '.gpulab-staging'

/** Throws a sentence where this machine lacks what these volumes need. */
export async function requireMooseFsTools(): Promise<void> {
  try {
    await runTool('mfsmount', ['-V'])
  } catch (error) {
    throw new VolumeFailure(
      'not_available',
      'GPULAB_MOOSEFS_MASTER is set, but mfsmount does not work here: install the package moosefs-client.',
      error,
    )
  }
}
