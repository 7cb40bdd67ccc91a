import { z } from 'zod'
import type { EngineContainer, VolumeMount } from '../docker/engine-container.ts'
import type { ListedImage } from '../docker/images.ts'
import { blankLabels, hostLabel } from './labels.ts'

/*
 * A container that is made anew with other GPUs goes on with its files: its older generation is committed to an image,
 * named `gpulab.local/<uuid>:g<new generation>`, and its volumes are mounted again. What the image says on its labels is
 * all that is needed to go on from it alone.
 */

/** No registry has this name, so nothing that is pulled can pass for one. */
const registry = 'gpulab.local'
const referencePattern = /^gpulab\.local\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):g([1-9]\d{0,14})$/

/** Whose files it holds. On everything that is made from the image as well. */
const filesLabel = 'ai.gpulab.files'
/** Which container it was made from, and after which of its runs. */
const sourceLabel = 'ai.gpulab.source'
const volumesLabel = 'ai.gpulab.volumes'
const networkLabel = 'ai.gpulab.network'

export interface CommittedImage {
  readonly reference: string
  readonly uuid: string
  readonly generation: number
  /** What its container had mounted. */
  readonly volumes: readonly VolumeMount[]
  /** Of its container, by name. */
  readonly network: string
  /** Where it was made; undefined where a version of before has made it. */
  readonly host: string | undefined
  readonly createdAt: string
}

type Source = Pick<EngineContainer, 'id' | 'startedAt' | 'finishedAt' | 'volumes' | 'network'>

/** The pattern of the engine's list for all of them, or for those of one container. */
export const committedPattern = (uuid = '*'): string => `${registry}/${uuid}`

export const toCommitted = (uuid: string, generation: number) => ({
  repository: `${registry}/${uuid}`,
  tag: `g${generation}`,
  reference: `${registry}/${uuid}:g${generation}`,
})

export const toCommittedLabels = (
  uuid: string,
  source: Source,
  hostUuid: string,
): Record<string, string> => ({
  // What somebody makes from it by hand is not ours.
  ...blankLabels,
  [hostLabel]: hostUuid,
  [filesLabel]: uuid,
  [sourceLabel]: toSourceText(source),
  [volumesLabel]: JSON.stringify(source.volumes.map(({ name, path }) => [name, path])),
  [networkLabel]: source.network,
})

/** Whether the image has what the container holds now. */
export const isOf = (labels: ListedImage['labels'], source: Source): boolean =>
  labels[sourceLabel] === toSourceText(source)

const toSourceText = ({ id, startedAt, finishedAt }: Source): string =>
  `${id} ${startedAt ?? 'never'} ${finishedAt ?? 'never'}`

/** Whether an image, whatever it is called, holds files of a user. */
export const holdsFiles = (labels: ListedImage['labels']): boolean => (labels[filesLabel] ?? '') !== ''

const Volumes = z.array(z.tuple([z.string(), z.string()]))

export function toVolumes(labels: ListedImage['labels']): VolumeMount[] {
  const { data = [] } = Volumes.safeParse(parseJson(labels[volumesLabel] ?? ''))
  return data.map(([name, path]) => ({ name, path }))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a reference asks for an image of this kind. */
export const isCommittedReference = (reference: string): boolean => reference.startsWith(`${registry}/`)

export function toCommittedImages({ references, labels, createdAt }: ListedImage): CommittedImage[] {
  return references.flatMap((reference) => {
    const [, uuid, generation] = referencePattern.exec(reference) ?? []
    if (uuid === undefined || labels[filesLabel] !== uuid) return []
    const network = labels[networkLabel] ?? ''
    const image = { reference, uuid, generation: Number(generation), network, createdAt }
    return [{ ...image, volumes: toVolumes(labels), host: labels[hostLabel] }]
  })
}
