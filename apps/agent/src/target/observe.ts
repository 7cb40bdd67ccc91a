import { type CommittedImage, committedPattern, toCommittedImages } from '../containers/committed-images.ts'
import type { ExitFailure, ExitFailures } from '../containers/exit-failures.ts'
import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { listContainers } from '../docker/containers.ts'
import { listImages } from '../docker/images.ts'

/** What the engine has of our containers, or of one of them. */
export interface Sight {
  readonly containers: readonly ObservedContainer[]
  readonly images: readonly CommittedImage[]
  /** By the engine's id: why a container ended without having run its command. */
  readonly exitFailures: ReadonlyMap<string, ExitFailure>
}

interface ObserveDeps {
  readonly engine: Engine
  readonly exits: ExitFailures
}

interface ObserveOptions {
  readonly uuid?: string
  /** Only a container's second generation can have one, so they need not be asked for always. */
  readonly images: boolean
}

/** Whole, or rejected. */
export async function observe(
  { engine, exits }: ObserveDeps,
  { uuid, images }: ObserveOptions,
): Promise<Sight> {
  const containers = (await listContainers(engine, uuid))
    .map(toObserved)
    .filter((container) => container !== undefined)
  const listed = images ? await listImages(engine, committedPattern(uuid)) : []
  const exitFailures = await exits.explain(containers)
  return { containers, images: listed.flatMap(toCommittedImages), exitFailures }
}
