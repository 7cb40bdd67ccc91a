import type { VolumeDriver as DriverName } from '@gpulab/contract'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { VolumeDriver } from './driver.ts'
import { createImageDriver } from './local/image-driver.ts'
import { createLocalDriver } from './local/local-driver.ts'
import { createMooseFsDriver, requireMooseFsTools } from './moosefs/moosefs-driver.ts'
import { toCell } from './moosefs/mount-command.ts'
import { createNfsDriver, mountExport } from './nfs/nfs-driver.ts'
import { createSharedMounts } from './shared-mounts.ts'
import { createVolumeRecords } from './records.ts'
import { createVolumes, type DriverOffer, type Volumes } from './volumes.ts'

interface OpenDeps {
  readonly config: Pick<Config, 'volumesDir' | 'localVolumes' | 'stateDir' | 'moosefs' | 'nfs'>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly failPoint: FailPoint
}

/** Finds out which kinds of volumes this host can have. */
export async function openVolumes({ config, clock, log, failPoint }: OpenDeps): Promise<Volumes> {
  const { volumesDir } = config
  const local = await createLocalDriver(volumesDir, config.localVolumes, { log, failPoint })
  if (local.reason !== undefined) {
    log.warn({ reason: local.reason }, 'local volumes are plain folders here: nothing enforces their sizes')
  }
  const drivers = new Map<DriverName, DriverOffer>([
    [
      'local',
      {
        driver: local.driver,
        offer: async () => ({ enforced: local.enforced, size_bytes: await readSize(volumesDir) }),
      },
    ],
  ])
  for (const [name, driver] of await openShared(volumesDir, { config, log, failPoint })) {
    // A cell or a server has room for more than one host knows of.
    const enforced = name === 'moosefs'
    drivers.set(name, { driver, offer: () => Promise.resolve({ enforced, size_bytes: 0 }) })
  }
  return createVolumes({ clock, log, records: createVolumeRecords(config.stateDir), drivers })
}

async function openShared(
  volumesDir: string,
  { config: { moosefs, nfs }, log, failPoint }: Pick<OpenDeps, 'config' | 'log' | 'failPoint'>,
): Promise<[DriverName, VolumeDriver][]> {
  const opened: [DriverName, VolumeDriver][] = []
  if (moosefs) {
    await requireMooseFsTools()
    const cell = toCell(moosefs.master, moosefs)
    opened.push(['moosefs', createMooseFsDriver(join(volumesDir, 'moosefs'), { cell, log, failPoint })])
  }
  if (nfs) {
    const mount = mountExport(nfs.source, nfs.options)
    opened.push(['nfs', createNfsDriver(join(volumesDir, 'nfs'), { mount, log })])
  }
  return opened
}

async function readSize(folder: string): Promise<number> {
  const { blocks, bsize } = await statfs(folder)
  return blocks * bsize
}

/** Ports of those that serve shared volumes (see FirewallLayout). */
export const toClosedPorts = ({ moosefs, nfs }: Pick<Config, 'moosefs' | 'nfs'>): string[] => [
  ...(moosefs ? ['9419:9422'] : []),
  ...(nfs ? ['111', '2049'] : []),
]

/** Takes the mounts of all kinds away, be they still offered or not. */
export async function unmountVolumes(
  volumesDir: string,
  deps: Pick<OpenDeps, 'log' | 'failPoint'>,
): Promise<void> {
  const shared = [join('moosefs', 'mounts'), join('moosefs', 'private'), 'nfs'].map((name) =>
    createSharedMounts(join(volumesDir, name), () => {}),
  )
  const all = [createImageDriver(volumesDir, deps), ...shared]
  const settled = await Promise.allSettled(all.map((each) => each.unmountAll()))
  for (const result of settled) if (result.status === 'rejected') throw result.reason
}
