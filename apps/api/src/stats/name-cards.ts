import type { ContainerStats } from '@gpulab/contract'

interface KnownCard {
  readonly uuid: string
  readonly name: string
  readonly simulated: boolean
}

/** A driver that has lost a card does not tell its name any more, nor whether it is simulated; the inventory does. */
export const nameCards = (sample: ContainerStats, known: readonly KnownCard[]): ContainerStats => ({
  ...sample,
  gpus: sample.gpus.map((gpu) => {
    const card = known.find(({ uuid }) => uuid === gpu.uuid)
    return card ? { ...gpu, name: gpu.name ?? card.name, simulated: card.simulated } : gpu
  }),
})
