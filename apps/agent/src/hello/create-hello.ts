import type { Hello } from '@gpulab/contract'
import { statfs } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { isCommittedReference } from '../containers/committed-images.ts'
import type { Deps } from '../deps.ts'
import { readEngineRoot } from '../docker/connect.ts'
import { EngineError } from '../docker/errors.ts'
import { listImages } from '../docker/images.ts'
import { readChecks } from '../doctor/checks.ts'
import { readInventory } from '../gpus/inventory.ts'
import { version } from '../version.ts'
import { toAllocatable } from './allocatable.ts'

/** As many, and as long, as the contract takes. */
const imagesMax = 2000
const referenceMax = 512

/** What this host has to offer now. What an engine that does not answer would have said is left out. */
export async function createHello(deps: Deps): Promise<Hello> {
  const { bootId, config, health, log } = deps
  const [gpus, images, diskBytes, checks, volumes] = await Promise.all([
    readInventory(config.nvidiaSmi, log),
    readImages(deps),
    readDiskBytes(deps),
    readChecks(deps),
    deps.volumes.offer(),
  ])
  const machine = { cpus: cpus().length, memoryBytes: totalmem() }
  const allocatable = toAllocatable(machine, {
    memoryBytes: config.memoryBytes,
    overcommit: config.overcommit,
  })
  return {
    boot_id: bootId,
    agent_version: version,
    cpus: allocatable.cpus,
    memory_bytes: allocatable.memoryBytes,
    disk_bytes: diskBytes,
    gpus,
    images,
    deploy_timeout: config.deployTimeoutMs / 1000,
    checks,
    volumes,
    engine: health.state(),
  }
}

/** What has to change for a host to say hello again. How a check words what it found is not among it. */
export const toInventoryText = ({ gpus, images, disk_bytes, checks, volumes }: Hello): string =>
  JSON.stringify([gpus, images, disk_bytes, checks.map(({ name, level }) => [name, level]), volumes])

async function readImages({ engine, log }: Deps): Promise<string[]> {
  const images = await listImages(engine).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error
    log.warn({ err: error }, 'the images could not be listed')
    return []
  })
  return images
    .flatMap(({ references }) => references)
    .filter((reference) => !isCommittedReference(reference) && reference.length <= referenceMax)
    .toSorted()
    .slice(0, imagesMax)
}

async function readDiskBytes({ engine, log }: Deps): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(await readEngineRoot(engine))
    return blocks * bsize
  } catch (error) {
    // In a container the agent may not see the engine's directory.
    log.debug({ err: error }, "the size of the engine's disk could not be read")
    return 0
  }
}
