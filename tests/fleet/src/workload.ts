import type { CreateContainer } from '@gpulab/contract'
import { gib, gpusPerHost, gpuTypes } from './driver/host-shape.ts'

export type Deployment = Partial<CreateContainer> & { readonly name: string }

/** Cards that stay free, so that sizes which do not fit together are no reason to be refused. */
const filledShare = 0.9
/** How often each number of cards is asked for. */
const sizes = [
  { cards: 1, weight: 70 },
  { cards: 2, weight: 15 },
  { cards: 4, weight: 10 },
  { cards: 8, weight: 5 },
]

/**
 * Containers for a fleet, the same for the same numbers: GPU containers of 1, 2, 4 and 8 cards until 90 % of all cards
 * are asked for, among the containers without a GPU that make up the rest.
 */
export function* listWorkload({
  hosts,
  containers,
}: {
  hosts: number
  containers: number
}): Generator<Deployment> {
  const random = createRandom(7)
  let cards = Math.floor(hosts * gpusPerHost * filledShare)
  const gpuShare = Math.min(1, cards / meanSize() / containers)
  for (let n = 0; n < containers; n++) {
    const size = random() < gpuShare ? pickSize(random()) : 0
    if (size === 0 || size > cards) yield toCpuDeployment(`service-${n}`, n)
    else {
      cards -= size
      yield toGpuDeployment(n, size, random())
    }
  }
}

const totalWeight = sizes.reduce((sum, { weight }) => sum + weight, 0)
const meanSize = (): number => sizes.reduce((sum, { cards, weight }) => sum + cards * weight, 0) / totalWeight

function pickSize(at: number): number {
  let left = at * totalWeight
  return sizes.find(({ weight }) => (left -= weight) < 0)?.cards ?? 1
}

const env = { MODEL: 'llama-3-8b', BATCH_SIZE: '32', API_TOKEN: 'not-a-secret-0123456789abcdef' }

function toGpuDeployment(n: number, cards: number, at: number): Deployment {
  const gpu_type = gpuTypes[Math.floor(at * gpuTypes.length)] ?? gpuTypes[0] ?? ''
  return {
    name: `job-${n}`,
    image: 'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime',
    command: ['python', 'train.py', '--epochs', '10'],
    env,
    gpu_type,
    gpu_count: cards,
    cpus: 2 * cards,
    memory_bytes: 16 * cards * gib,
  }
}

/** Half a core and 1 GiB, or one core and 4 GiB, in turn. */
export const toCpuDeployment = (name: string, n: number): Deployment => ({
  name,
  image: 'ubuntu:22.04',
  command: ['sleep', 'infinity'],
  env,
  cpus: n % 2 === 0 ? 0.5 : 1,
  memory_bytes: (n % 2 === 0 ? 1 : 4) * gib,
})

/** Mulberry32: small, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
