import type { HostGpu } from '@gpulab/contract'

export const gib = 2 ** 30

/** Every other host is of the one or the other kind. */
const kinds = [
  { gpu: 'NVIDIA H100', gpuMemoryBytes: 80 * gib, cpus: 128, memoryBytes: 1024 * gib, diskBytes: 8192 * gib },
  {
    gpu: 'NVIDIA GeForce RTX 4090',
    gpuMemoryBytes: 24 * gib,
    cpus: 64,
    memoryBytes: 512 * gib,
    diskBytes: 4096 * gib,
  },
] as const

export const gpuTypes = kinds.map(({ gpu }) => gpu)
export const gpusPerHost = 8

export interface HostShape {
  readonly name: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly gpus: HostGpu[]
}

export function shapeOf(index: number): HostShape {
  const kind = kinds[index % kinds.length] ?? kinds[0]
  const name = `fleet-${String(index).padStart(4, '0')}`
  return {
    name,
    cpus: kind.cpus,
    memoryBytes: kind.memoryBytes,
    diskBytes: kind.diskBytes,
    gpus: Array.from({ length: gpusPerHost }, (_, card) => ({
      uuid: `GPU-${name}-${card}`,
      index: card,
      name: kind.gpu,
      memory_bytes: kind.gpuMemoryBytes,
      simulated: true,
    })),
  }
}
