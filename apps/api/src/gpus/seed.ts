import type { Deps } from '../deps.ts'
import { insertGpuTypes } from './store.ts'

const gib = 2 ** 30

const seeds = [
  { name: 'NVIDIA GeForce RTX 3090', memoryBytes: 24 * gib, pricePerHour: '0.99' },
  { name: 'NVIDIA GeForce RTX 4090', memoryBytes: 24 * gib, pricePerHour: '1.49' },
  { name: 'NVIDIA A100', memoryBytes: 40 * gib, pricePerHour: '2.49' },
  { name: 'NVIDIA H100', memoryBytes: 80 * gib, pricePerHour: '4.99' },
]

/** Types with prices that come with GPULab. */
export const seedGpuTypes = ({ db }: Pick<Deps, 'db'>): Promise<void> =>
  insertGpuTypes(
    db,
    seeds.map((seed) => ({ ...seed, currency: 'USD' })),
  )
