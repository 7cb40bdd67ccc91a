import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import { StepFailure } from '../containers/failure.ts'
import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { listContainers } from '../docker/containers.ts'

export interface GpuClaims {
  /** Runs `start` while no other start may take these GPUs; fails with `gpu_busy` if a live container has one. */
  hold<T>(uuid: string, gpuUuids: readonly string[], start: () => Promise<T>): Promise<T>
}

/** How long a container that is just ending may take. */
const retryMs = 5000
const intervalMs = 200

/**
 * The engine lets any number of containers have the same GPU, so this is where two of them are kept apart,
 * whatever the control plane says. Invariant: between the look at the engine and the end of `start`, no other
 * start of this agent holds one of the same GPUs.
 */
export function createGpuClaims({
  engine,
  clock,
}: {
  readonly engine: Engine
  readonly clock: Clock
}): GpuClaims {
  const held = new Map<string, string>()

  const findHolder = async (uuid: string, gpuUuids: readonly string[]): Promise<string | undefined> => {
    for (const gpu of gpuUuids) {
      const holder = held.get(gpu)
      if (holder !== undefined && holder !== uuid) return holder
    }
    gpuUuids.forEach((gpu) => held.set(gpu, uuid))
    const live = (await listContainers(engine)).map(toObserved).filter((container) => container !== undefined)
    return findLiveHolder(live, uuid, gpuUuids)
  }
  const release = (uuid: string): void => {
    for (const [gpu, holder] of held) if (holder === uuid) held.delete(gpu)
  }

  return {
    hold: async (uuid, gpuUuids, start) => {
      if (gpuUuids.length === 0) return start()
      const deadline = clock.monotonic() + retryMs
      try {
        for (;;) {
          const holder = await findHolder(uuid, gpuUuids)
          if (holder === undefined) return await start()
          release(uuid)
          if (clock.monotonic() > deadline) {
            throw new StepFailure('gpu_busy', `A GPU of this container is still held by container ${holder}.`)
          }
          await clock.wait(intervalMs)
        }
      } finally {
        release(uuid)
      }
    },
  }
}

/** The uuid of another container that runs with one of these GPUs. */
export const findLiveHolder = (
  containers: readonly Pick<ObservedContainer, 'uuid' | 'state' | 'gpuUuids'>[],
  uuid: string,
  gpuUuids: readonly string[],
): string | undefined =>
  containers.find(
    (other) =>
      other.uuid !== uuid &&
      other.state === 'running' &&
      other.gpuUuids.some((gpu) => gpuUuids.includes(gpu)),
  )?.uuid
