import type { TargetContainer } from '@gpulab/contract'
import type { EngineContainer } from '../docker/engine-container.ts'

/** Our labels are the agent's whole memory: after a restart they say what each container is. */
export const containerLabel = 'ai.gpulab.container'
export const teamLabel = 'ai.gpulab.team'
/** The host that it was made as: a machine may join anew, as another one. */
export const hostLabel = 'ai.gpulab.host'
const generationLabel = 'ai.gpulab.generation'
const gpusLabel = 'ai.gpulab.gpus'

/** One of our containers, in the terms of the target. */
export interface ObservedContainer extends Omit<EngineContainer, 'labels'> {
  readonly uuid: string
  readonly generation: number
  readonly team: string
  /** Undefined where a version of before has made it. */
  readonly host: string | undefined
  readonly gpuUuids: readonly string[]
}

type Labelled = Pick<TargetContainer, 'uuid' | 'generation' | 'team_uuid' | 'gpu_uuids'>

export const toLabels = (
  { uuid, generation, team_uuid, gpu_uuids }: Labelled,
  hostUuid: string,
): Record<string, string> => ({
  [containerLabel]: uuid,
  [generationLabel]: String(generation),
  [teamLabel]: team_uuid,
  [hostLabel]: hostUuid,
  [gpusLabel]: gpu_uuids.join(','),
})

/** For what must not be taken for one of ours although it was made from one. */
export const blankLabels: Readonly<Record<string, string>> = {
  [containerLabel]: '',
  [generationLabel]: '',
  [teamLabel]: '',
  [hostLabel]: '',
  [gpusLabel]: '',
}

/** The same name for the same container of the same generation makes creating it idempotent. */
export const containerName = ({ uuid, generation }: Pick<TargetContainer, 'uuid' | 'generation'>): string =>
  `gpulab-${uuid}-g${generation}`

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Undefined for a container that only looks like one of ours. */
export function toObserved({ labels, ...container }: EngineContainer): ObservedContainer | undefined {
  const uuid = labels[containerLabel]
  const generation = Number(labels[generationLabel])
  if (uuid === undefined || !uuidPattern.test(uuid)) return undefined
  if (!Number.isSafeInteger(generation) || generation < 1) return undefined
  const gpuUuids = (labels[gpusLabel] ?? '').split(',').filter((gpu) => gpu !== '')
  return { ...container, uuid, generation, team: labels[teamLabel] ?? '', host: labels[hostLabel], gpuUuids }
}
