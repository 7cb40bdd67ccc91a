import type { VolumeDriver as DriverName } from '@gpulab/contract'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import { statfs } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { createLocalDriver } from './local/local-driver.ts'
import { createVolumeRecords } from './records.ts'
import { createVolumes, type DriverOffer, type Volumes } from './volumes.ts'

interface OpenDeps {
  readonly config: Pick<Config, 'volumesDir' | 'localVolumes' | 'stateDir'>
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
  return createVolumes({ clock, log, records: createVolumeRecords(config.stateDir), drivers })
}

async function readSize(folder: string): Promise<number> {
  const { blocks, bsize } = await statfs(folder)
  return blocks * bsize
}
