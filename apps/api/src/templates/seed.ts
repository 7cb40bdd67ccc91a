import type { Deps } from '../deps.ts'
import { upsertTemplates } from './store.ts'

const gib = 2 ** 30

const seeds = [
  {
    name: 'pytorch-2.1',
    type: 'gpu',
    image: 'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime',
    ports: [8888],
    memoryGib: 32,
  },
  {
    name: 'tensorflow-2.15',
    type: 'gpu',
    image: 'tensorflow/tensorflow:2.15.0-gpu',
    ports: [8888, 6006],
    memoryGib: 32,
  },
  { name: 'ubuntu-22.04', type: 'cpu', image: 'ubuntu:22.04', ports: [], memoryGib: 4 },
  {
    name: 'jupyter-minimal',
    type: 'gpu',
    image: 'jupyter/minimal-notebook:latest',
    ports: [8888],
    memoryGib: 16,
  },
] as const

/** Templates that come with GPULab, with stand-ins for images that cannot be had here. */
export async function seedTemplates({ db, config }: Pick<Deps, 'db' | 'config'>): Promise<void> {
  await upsertTemplates(
    db,
    seeds.map(({ image, memoryGib, ports, ...seed }) => {
      const standIn = config.standIns[image]
      return {
        ...seed,
        ports: [...ports],
        image: standIn ?? image,
        standInFor: standIn === undefined ? null : image,
        memoryBytes: memoryGib * gib,
        command: null,
      }
    }),
  )
}
