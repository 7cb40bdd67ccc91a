import type { TargetContainer } from '@gpulab/contract'
import { isOf, toCommitted, toCommittedLabels, toVolumes } from '../containers/committed-images.ts'
import { isPermanent, StepFailure, toCommitFailure } from '../containers/failure.ts'
import type { SavedFiles } from '../containers/spec.ts'
import type { Engine } from '../docker/connect.ts'
import { commitContainer, findContainer } from '../docker/containers.ts'
import { EngineError } from '../docker/errors.ts'
import { type EngineImage, findImage, removeImage } from '../docker/images.ts'
import { removeVolume } from '../docker/volumes.ts'
import type { Step } from './plan.ts'
import type { StepContext, StepDeps } from './steps.ts'

/** Commits the older container's files for the wanted one, unless that was done since its last run. */
export async function saveFiles(
  { engine, hostUuid }: Pick<StepDeps, 'engine' | 'hostUuid'>,
  { container, name }: Extract<Step, { do: 'commit' }>,
  { tell, signal }: StepContext,
): Promise<void> {
  const source = await findContainer(engine, name)
  // Another look will tell what there is instead.
  if (!source || source.state === 'running') throw new Error(`${name} is not at rest any more.`)
  const image = toCommitted(container.uuid, container.generation)
  const saved = await findImage(engine, image.reference)
  if (saved && isOf(saved.labels, source)) return
  if (saved) await removeImage(engine, image.reference)
  tell('Saving its files, to go on with them on other GPUs')
  try {
    const labels = toCommittedLabels(container.uuid, source, hostUuid)
    await commitContainer(engine, name, { ...image, labels }, signal)
  } catch (error) {
    throw isPermanent(error) ? toCommitFailure(error) : error
  }
}

export async function getSaved(
  engine: Engine,
  { uuid }: Pick<TargetContainer, 'uuid'>,
  generation: number,
): Promise<{ readonly image: EngineImage; readonly saved: SavedFiles }> {
  const { reference } = toCommitted(uuid, generation)
  const image = await findImage(engine, reference)
  if (!image) throw new Error(`${reference} is gone.`)
  return { image, saved: { reference, volumes: toVolumes(image.labels) } }
}

/** Volumes before the image that names them: broken off, it can be begun again. */
export async function forgetFiles(
  { engine, log }: Pick<StepDeps, 'engine' | 'log'>,
  { images, volumes }: Extract<Step, { do: 'forget' }>,
  { giveUp }: Pick<StepContext, 'giveUp'>,
): Promise<void> {
  for (const image of images) {
    try {
      if (volumes) for (const { name } of image.volumes) await removeVolume(engine, name)
      await removeImage(engine, image.reference)
    } catch (error) {
      if (!(error instanceof EngineError) || error.transient) throw error
      log.warn({ err: error, image: image.reference }, 'an image could not be removed')
      giveUp(image.reference)
    }
  }
}

export const toLoss = (): StepFailure =>
  new StepFailure('container_lost', 'The container is gone from its host, and its files with it.')
