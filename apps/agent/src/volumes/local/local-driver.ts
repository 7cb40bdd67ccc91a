import { access, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import type { VolumeDriver } from '../driver.ts'
import { findMount } from '../mount-table.ts'
import { runTool } from '../run-tool.ts'
import { createFolderDriver } from './folder-driver.ts'
import { createImageDriver } from './image-driver.ts'

export interface LocalVolumes {
  readonly driver: VolumeDriver
  /** Whether new volumes get an image, and so a size that holds. */
  readonly enforced: boolean
  /** Why not. */
  readonly reason: string | undefined
}

export type LocalMode = 'auto' | 'image' | 'folder'

const probeBytes = 320 << 20

/**
 * Volumes of this host alone. What a volume is made as it stays: as an image where this machine can mount one, else as a
 * plain folder.
 */
export async function createLocalDriver(
  folder: string,
  mode: LocalMode,
  deps: { readonly log: FastifyBaseLogger; readonly failPoint: FailPoint },
): Promise<LocalVolumes> {
  const image = createImageDriver(folder, deps)
  const plain = createFolderDriver(folder)
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const reason =
    mode === 'folder' ? 'it is told to (GPULAB_LOCAL_VOLUMES=folder)' : await findObstacle(folder)
  if (reason !== undefined && mode === 'image') throw new Error(`Volumes can not be images here: ${reason}`)
  const driverOf = async (uuid: string): Promise<VolumeDriver> => {
    if (await exists(join(folder, 'folders', uuid))) return plain
    if (await exists(join(folder, 'images', `${uuid}.img`))) return image
    return reason === undefined ? image : plain
  }
  const driver: VolumeDriver = {
    ensure: async (wish) => (await driverOf(wish.uuid)).ensure(wish),
    verify: async (uuid) => (await driverOf(uuid)).verify(uuid),
    usage: async (uuid) => (await driverOf(uuid)).usage(uuid),
    source: async (uuid) => (await driverOf(uuid)).source(uuid),
    folders: async (uuid) => (await driverOf(uuid)).folders(uuid),
    remove: async (uuid, options) => {
      // A kill in the middle may have left a part of either.
      await image.remove(uuid, options)
      await plain.remove(uuid, options)
    },
    unmountAll: () => image.unmountAll(),
  }
  return { driver, enforced: reason === undefined, reason }
}

/** Makes, mounts and removes a small image: nothing less tells whether that works. Gives why it does not. */
async function findObstacle(folder: string): Promise<string | undefined> {
  const probe = join(folder, `probe-${process.pid}`)
  const image = `${probe}.img`
  try {
    await mkdir(probe, { recursive: true, mode: 0o700 })
    await runTool('truncate', ['-s', String(probeBytes), image])
    await runTool('mkfs.xfs', ['-q', '-f', image])
    await runTool('mount', ['-t', 'xfs', '-o', 'loop,nosuid,nodev', image, probe])
    return undefined
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' && path !== undefined ? `the program ${path} is missing` : message
  } finally {
    if (await findMount(probe)) await runTool('umount', [probe]).catch(() => {})
    await rm(image, { force: true })
    await rm(probe, { recursive: true, force: true }).catch(() => {})
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
