import type { CreateContainer } from '@gpulab/contract'
import { gib, gpusPerHost, gpuTypes } from './driver/host-shape.ts'

export type Deployment = Partial<CreateContainer> & { readonly name: string }

/** Of all cards; with some free the last ones need no search. */
const filledShare = 0.9
/** How often each number of cards is asked for, and of how full a fleet still: what is large may not fit any more. */
const sizes = [
  { cards: 1, weight: 70, untilShare: 1 },
  { cards: 2, weight: 15, untilShare: 0.8 },
  { cards: 4, weight: 10, untilShare: 0.7 },
  { cards: 8, weight: 5, untilShare: 0.5 },
]

/**
 * Containers for a fleet, the same for the same numbers: GPU containers of 1, 2, 4 and 8 cards until 90 % of the cards
 * of each type are asked for, among the containers without a GPU that make up the rest.
 */
export function* listWorkload({
  hosts,
  containers,
}: {
  hosts: number
  containers: number
}): Generator<Deployment> {
  const random = createRandom(7)
  const cardsOfType = Math.floor(hosts / gpuTypes.length) * gpusPerHost
  const used = gpuTypes.map((type) => ({ type, share: 0 }))
  for (let n = 0; n < containers; n++) {
    const least = used.toSorted((left, right) => left.share - right.share)[0]
    // In step with the rest, so that both kinds come all the time.
    const isTurn = least && least.share < (filledShare * (n + 1)) / containers
    if (!isTurn) yield toCpuDeployment(`service-${n}`, n)
    else {
      const cards = pickSize(random(), least.share)
      least.share += cards / cardsOfType
      yield toGpuDeployment(`job-${n}`, least.type, cards)
    }
  }
}

function pickSize(at: number, share: number): number {
  const fitting = sizes.filter(({ untilShare }) => share < untilShare)
  let left = at * fitting.reduce((sum, { weight }) => sum + weight, 0)
  return fitting.find(({ weight }) => (left -= weight) < 0)?.cards ?? 1
}

const env = { MODEL: 'llama-3-8b', BATCH_SIZE: '32', API_TOKEN: 'not-a-secret-0123456789abcdef' }

const toGpuDeployment = (name: string, gpuType: string, cards: number): Deployment => ({
  name,
  image: 'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime',
  command: ['python', 'train.py', '--epochs', '10'],
  env,
  gpu_type: gpuType,
  gpu_count: cards,
  cpus: 2 * cards,
  memory_bytes: 16 * cards * gib,
})

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
