import type { TargetContainer } from '@gpulab/contract'
import type { ForeignContainer } from '../db/schema/index.ts'
import type { LeftBehind } from './store.ts'

/**
 * Wishes that a host remove what was deleted, or went on elsewhere, while it could not be told: after a fence it may
 * still run. One that is placed elsewhere has a newer generation there; if the host has that one itself, the database
 * is older than the host, and what the host has may be all that there is.
 */
export function toRemovals(
  foreign: readonly ForeignContainer[],
  leftBehind: readonly LeftBehind[],
): TargetContainer[] {
  const newestOf = (container: LeftBehind): number =>
    Math.max(
      ...foreign.filter(({ uuid }) => uuid === container.uuid).map(({ generation = Infinity }) => generation),
    )
  return leftBehind.flatMap((container) => {
    const generation = newestOf(container)
    const isOutdated =
      container.deletedAt === null ? generation < container.generation : generation <= container.generation
    return isOutdated ? [toRemoval(container, generation)] : []
  })
}

/** It names the generation that the host has, of which it tells until it is gone. */
const toRemoval = (container: LeftBehind, generation: number): TargetContainer => ({
  uuid: container.uuid,
  generation,
  base_generation: null,
  desired: 'absent',
  start_after: null,
  attempt: container.attempt,
  restart: container.restart,
  restarts: 0,
  has_run: false,
  name: container.name,
  team_uuid: container.teamUuid,
  image: container.image,
  registry_login: null,
  command: null,
  env: {},
  gpu_uuids: [],
  memory_bytes: container.memoryBytes,
  cpus: null,
  volumes: [],
})
