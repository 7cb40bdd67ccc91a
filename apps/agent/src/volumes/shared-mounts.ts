import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { VolumeFailure } from './failure.ts'
import { lookAt } from './look-at.ts'
import { findMount, readMounts } from './mount-table.ts'
import { runTool, ToolError } from './run-tool.ts'

/** Mounts something at a folder that is there. */
export type MountAt = (folder: string) => Promise<void>

/**
 * The mounts of file systems that others serve. A dead one is healed: the same is mounted anew beside it and then put over
 * it, which containers see that have it as `rslave`, as long as nobody unmounts the dead one. That takes a parent folder
 * that is shared between the views of mounts.
 */
export interface SharedMounts {
  readonly folder: string
  /** Mounts it, heals it, or leaves it as it is. Throws where it does not answer. */
  ensure(name: string, mount: MountAt): Promise<void>
  /** Throws VolumeFailure where somebody uses it. */
  unmount(name: string): Promise<void>
  unmountAll(): Promise<void>
}

const unmountMs = 40_000

export function createSharedMounts(folder: string, onHealed: (name: string) => void): SharedMounts {
  const prepare = async (): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o711 })
    const own = await findMount(folder)
    if (own?.isShared) return
    if (!own) await runTool('mount', ['--bind', folder, folder])
    await runTool('mount', ['--make-rshared', folder])
  }

  let preparing: Promise<void> | undefined
  const prepareOnce = (): Promise<void> => (preparing ??= prepare().finally(() => (preparing = undefined)))

  const mountAnew = async (target: string, mount: MountAt): Promise<void> => {
    await mkdir(target, { recursive: true, mode: 0o711 })
    // Nothing can be written to the host's own disk in its place.
    await setImmutable(target, true)
    await mount(target)
  }

  const heal = async (name: string, mount: MountAt): Promise<void> => {
    const beside = join(folder, `${name}.new`)
    await takeAway(beside)
    await mountAnew(beside, mount)
    await runTool('mount', ['--bind', beside, join(folder, name)])
    await takeAway(beside)
    onHealed(name)
  }

  const ensure = async (name: string, mount: MountAt): Promise<void> => {
    await prepareOnce()
    const target = join(folder, name)
    if (!(await findMount(target))) return mountAnew(target, mount)
    const look = await lookAt(target)
    if (look.state === 'dead') return heal(name, mount)
    if (look.state === 'silent') throw new Error(`The volume does not answer. ${look.problem}`)
  }
  const ensuring = new Map<string, Promise<void>>()

  return {
    folder,
    // Many volumes want the mount of their cell at the same moment: whoever comes while it is made waits for that.
    ensure: (name, mount) =>
      ensuring.getOrInsertComputed(name, () => ensure(name, mount).finally(() => ensuring.delete(name))),
    unmount: async (name) => {
      for (const each of [`${name}.new`, name]) await takeAway(join(folder, each))
    },
    unmountAll: async () => {
      for (const name of await readdir(folder).catch(() => [])) await takeAway(join(folder, name))
      while (await findMount(folder)) await runTool('umount', [folder])
    },
  }
}

/** With all that lie one over the other. */
async function takeAway(target: string): Promise<void> {
  while ((await readMounts()).some((mount) => mount.target === target)) {
    await runTool('umount', [target], { timeoutMs: unmountMs }).catch((error: unknown) => {
      if (!(error instanceof ToolError) || !/busy/.test(error.message)) throw error
      throw new VolumeFailure('volume_in_use', 'The volume is in use on its host.', error)
    })
  }
  await setImmutable(target, false)
  await rmdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** Not every file system knows of it, and it is a second guard only. */
const setImmutable = (path: string, on: boolean): Promise<unknown> =>
  runTool('chattr', [on ? '+i' : '-i', path]).catch(() => undefined)
