import { GpulabError } from '@gpulab/contract'
import type { Engine } from '../docker/connect.ts'
import { listContainers } from '../docker/containers.ts'
import { EngineError, engineUnavailable } from '../docker/errors.ts'
import { type ObservedContainer, toObserved } from './labels.ts'

/** The newest generation of a container. Rejects with `engine_unavailable` when the engine does not answer. */
export async function findByUuid(engine: Engine, uuid: string): Promise<ObservedContainer | undefined> {
  const found = await listContainers(engine, uuid).catch((error: unknown) => {
    throw error instanceof EngineError ? engineUnavailable(error) : error
  })
  return found
    .map(toObserved)
    .filter((container) => container !== undefined)
    .toSorted((a, b) => b.generation - a.generation)[0]
}

export const containerNotRunning = (uuid: string): GpulabError =>
  new GpulabError('container_not_running', {
    message: `The container ${uuid} is not running.`,
    hint: `Start it with: gpulab start ${uuid}`,
  })

export const containerNotFound = (uuid: string): GpulabError =>
  new GpulabError('container_not_found', {
    message: `There is no container ${uuid} on this host.`,
    hint: 'gpulab ls shows the containers and their state.',
  })
