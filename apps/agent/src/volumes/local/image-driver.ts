import { chmod, mkdir, open, readdir, rename, rm, rmdir, stat, statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { FailPoint } from '@gpulab/fail-points'
import type { VolumeDriver, VolumeUsage, VolumeWish } from '../driver.ts'
import { lost, VolumeFailure } from '../failure.ts'
import { findMount, readMounts } from '../mount-table.ts'
import { runTool, ToolError } from '../run-tool.ts'
import { logSize, toImageBytes } from './image-size.ts'
import { noSpace, readFree, requireRoom } from './room.ts'

interface ImageDeps {
  readonly log: FastifyBaseLogger
  readonly failPoint: FailPoint
}

/** Of a grow that was broken off: what a repeated one adds, so that xfs writes all of its superblocks anew. */
const repairBytes = 64 << 20

/** Tenants of one team, whatever user their image has. */
const dataMode = 0o777

/**
 * A volume is an image file whose blocks are all its own (`images/<uuid>.img`), with a file system that is mounted at
 * `mounts/<uuid>`. Containers see the folder `data` in it, which is not there while nothing is mounted. The kernel holds
 * the mount, so that the agent may come and go.
 */
export function createImageDriver(folder: string, { log, failPoint }: ImageDeps): VolumeDriver {
  const images = join(folder, 'images')
  const mounts = join(folder, 'mounts')
  const imageOf = (uuid: string): string => join(images, `${uuid}.img`)
  const mountOf = (uuid: string): string => join(mounts, uuid)
  /** There while a file system is being grown. */
  const growingOf = (uuid: string): string => join(images, `${uuid}.growing`)

  const make = async ({ uuid, sizeBytes }: VolumeWish): Promise<void> => {
    const fresh = `${imageOf(uuid)}.new`
    await rm(fresh, { force: true })
    const bytes = toImageBytes(sizeBytes)
    await requireRoom(images, bytes)
    try {
      await reserve(fresh, bytes)
      await failPoint('agent.volume.reserved', uuid)
      await runTool('mkfs.xfs', ['-q', '-l', `size=${logSize}`, '-m', 'reflink=0', fresh])
      await sync(fresh)
      await rename(fresh, imageOf(uuid))
      await sync(images)
    } catch (error) {
      await rm(fresh, { force: true })
      throw error
    }
  }

  /** Blocks that are reserved but not yet part of the file system can be given back; later ones can not. */
  const lengthen = async (uuid: string, bytes: number): Promise<void> => {
    const image = imageOf(uuid)
    const { size } = await stat(image)
    await requireRoom(images, bytes - size)
    try {
      await reserve(image, bytes)
      await failPoint('agent.volume.reserved', uuid)
    } catch (error) {
      if (!(error instanceof VolumeFailure)) throw error
      await truncate(image, size)
      throw error
    }
  }

  const grow = async (uuid: string, sizeBytes: number): Promise<void> => {
    const { size } = await stat(imageOf(uuid))
    const wasBrokenOff = await exists(growingOf(uuid))
    const wanted = toImageBytes(sizeBytes)
    if (size >= wanted && !wasBrokenOff) return
    await touch(growingOf(uuid))
    await sync(images)
    try {
      await lengthen(uuid, Math.max(wanted, size) + (wasBrokenOff ? repairBytes : 0))
    } catch (error) {
      if (!wasBrokenOff) await rm(growingOf(uuid), { force: true })
      throw error
    }
    await spread(uuid)
    await rm(growingOf(uuid), { force: true })
    log.info({ volume: uuid, bytes: wanted }, 'a volume has grown')
  }

  /** Makes the mounted file system as large as its image. */
  const spread = async (uuid: string): Promise<void> => {
    const mount = await findMount(mountOf(uuid))
    if (!mount) throw new Error(`${mountOf(uuid)} is not mounted`)
    await runTool('losetup', ['-c', mount.source])
    await failPoint('agent.volume.growing', uuid)
    await runTool('xfs_growfs', [mountOf(uuid)])
  }

  const mountImage = async (uuid: string): Promise<void> => {
    const target = mountOf(uuid)
    if (await findMount(target)) return
    await mkdir(target, { recursive: true, mode: 0o711 })
    // Nothing can be written to the host's own disk in its place.
    await setImmutable(target, true)
    await runTool('mount', ['-t', 'xfs', '-o', 'loop,nosuid,nodev,noatime', imageOf(uuid), target])
    log.info({ volume: uuid }, 'a volume is mounted')
  }

  const unmount = async (uuid: string): Promise<void> => {
    const target = mountOf(uuid)
    while (await findMount(target)) await runTool('umount', [target]).catch(toInUse(uuid))
    await setImmutable(target, false)
    await rmdir(target).catch(ignoreMissing)
  }

  return {
    ensure: async (wish) => {
      const { uuid, sizeBytes, wasMade } = wish
      for (const each of [folder, images, mounts]) await mkdir(each, { recursive: true, mode: 0o711 })
      if (!(await exists(imageOf(uuid)))) {
        if (wasMade) throw lost(uuid)
        await make(wish)
      }
      await mountImage(uuid)
      await grow(uuid, sizeBytes)
      const data = join(mountOf(uuid), 'data')
      if (await exists(data)) return
      await mkdir(data, { mode: dataMode })
      await chmod(data, dataMode)
    },
    verify: async (uuid) => {
      if (!(await findMount(mountOf(uuid)))) throw new Error('It is not mounted.')
      await stat(join(mountOf(uuid), 'data'))
    },
    usage: async (uuid): Promise<VolumeUsage> => {
      const { blocks, bfree, bsize } = await statfs(mountOf(uuid))
      return { sizeBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize, enforced: true }
    },
    remove: async (uuid) => {
      await unmount(uuid)
      for (const path of [`${imageOf(uuid)}.new`, growingOf(uuid), imageOf(uuid)])
        await rm(path, { force: true })
    },
    source: async (uuid) => ({ path: join(mountOf(uuid), 'data'), propagation: 'rprivate' }),
    folders: async (uuid) => ({
      root: join(mountOf(uuid), 'data'),
      staging: join(mountOf(uuid), 'staging'),
      hiddenName: undefined,
    }),
    unmountAll: async () => {
      const mounted = (await readMounts()).filter(({ target }) => target.startsWith(`${mounts}/`))
      for (const { target } of mounted.toReversed()) await runTool('umount', [target])
      for (const name of await readdir(mounts).catch(() => [])) await setImmutable(join(mounts, name), false)
    },
  }
}

async function reserve(path: string, bytes: number): Promise<void> {
  try {
    await runTool('fallocate', ['-l', String(bytes), path])
  } catch (error) {
    if (!(error instanceof ToolError) || !/no space left/i.test(error.message)) throw error
    throw noSpace(await readFree(join(path, '..')))
  }
}

const toInUse =
  (uuid: string) =>
  (error: unknown): never => {
    if (error instanceof ToolError && /busy/.test(error.message)) {
      throw new Error(`The volume ${uuid} is in use on its host.`, { cause: error })
    }
    throw error
  }

/** Not every file system knows of it, and it is a second guard only. */
const setImmutable = (path: string, on: boolean): Promise<unknown> =>
  runTool('chattr', [on ? '+i' : '-i', path]).catch(() => undefined)

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      ignoreMissing(error)
      return false
    },
  )

const ignoreMissing = (error: unknown): void => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

async function touch(path: string): Promise<void> {
  await using file = await open(path, 'a', 0o600)
  await file.sync()
}

async function sync(path: string): Promise<void> {
  await using file = await open(path)
  await file.sync()
}
