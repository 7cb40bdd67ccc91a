import { constants } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { containerName } from '../containers/labels.ts'

/** Folders of the host that a container gets to see, read-only. */
export interface GuestMounts {
  readonly toolbox: string
  /** Of this container alone. */
  readonly run: string
}

interface ContainerKey {
  readonly uuid: string
  readonly generation: number
}

export interface GuestFolders {
  /** Makes what a container mounts, before it is made or started. Undefined where there is no guest to offer. */
  prepare(container: ContainerKey): Promise<GuestMounts | undefined>
  /** Path of the folder that `prepare` makes for it. */
  runFolder(container: ContainerKey): string
  /** By the engine's name of the container. */
  remove(name: string): Promise<void>
  /** The engine does not see these folders, as when it has a file system of its own. */
  giveUp(reason: string): void
  /** Removes the folders of containers that are not among these, but for new ones: theirs may be about to be made. */
  keepOnly(containers: readonly ContainerKey[]): Promise<void>
}

const newMs = 3600_000

/** For hosts, and tests, whose containers get none. */
export const noGuestFolders: GuestFolders = {
  prepare: () => Promise.resolve(undefined),
  runFolder: () => '',
  remove: () => Promise.resolve(),
  giveUp: () => {},
  keepOnly: () => Promise.resolve(),
}

/**
 * `program` is the guest of this machine's architecture, beside which lies a static busybox; `folder` has the same path
 * for agent and engine.
 */
export function createGuestFolders(
  { folder, program }: { readonly folder: string; readonly program: string },
  log: FastifyBaseLogger,
): GuestFolders {
  const toolbox = join(folder, 'toolbox')
  const runs = join(folder, 'run')
  let isUsable = true
  let installed: Promise<boolean> | undefined

  /** Renamed, since the old one may be running: containers see the new one the next time that they start it. */
  const installProgram = async (from: string, name: string): Promise<void> => {
    const fresh = join(toolbox, `${name}.${process.pid}`)
    await copyFile(from, fresh, constants.COPYFILE_FICLONE)
    await chmod(fresh, 0o755)
    await rename(fresh, join(toolbox, name))
  }
  const install = async (): Promise<boolean> => {
    try {
      for (const each of [folder, toolbox, runs]) {
        await mkdir(each, { recursive: true, mode: 0o711 })
        await chmod(each, 0o711)
      }
      await installProgram(program, 'gpulab-guest')
    } catch (error) {
      log.warn({ err: error }, 'there is no guest to give to containers: sessions go through the engine')
      return false
    }
    await installProgram(join(dirname(program), 'busybox'), 'busybox').catch((error: unknown) =>
      log.warn({ err: error }, 'there is no busybox to give to containers: files cannot be copied'),
    )
    return true
  }

  return {
    prepare: async (container) => {
      if (!isUsable || !(await (installed ??= install()))) return undefined
      const run = join(runs, containerName(container))
      await mkdir(run, { recursive: true, mode: 0o711 })
      // Whatever the umask was.
      await chmod(run, 0o711)
      return { toolbox, run }
    },
    runFolder: (container) => join(runs, containerName(container)),
    remove: (name) => rm(join(runs, name), { recursive: true, force: true }),
    giveUp: (reason) => {
      isUsable = false
      log.warn({ reason }, 'the engine does not see the folder of the guest: sessions go through the engine')
    },
    keepOnly: async (containers) => {
      const kept = new Set(containers.map(containerName))
      const names = await readdir(runs).catch(() => [])
      for (const name of names) {
        if (kept.has(name)) continue
        const { mtimeMs } = await stat(join(runs, name)).catch(() => ({ mtimeMs: Infinity }))
        if (Date.now() - mtimeMs > newMs) await rm(join(runs, name), { recursive: true, force: true })
      }
    },
  }
}
