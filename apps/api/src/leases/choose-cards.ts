/** A GPU, by nvidia-smi's uuid and name. */
export interface Card {
  readonly uuid: string
  readonly name: string
}

export interface CardRequest {
  readonly gpuTypes: readonly string[]
  readonly gpuCount: number
  readonly generation: number
  /** The cards that its container on the host was made with; empty where there is none. */
  readonly last: readonly Card[]
}

/** With which cards a stopped container starts again. */
export interface ChosenCards {
  /** A greater one than before where it has to be made anew, with other cards. */
  readonly generation: number
  readonly gpuType: string
  readonly gpuUuids: readonly string[]
}

/**
 * The very same cards if all of them are free, since the engine fixes a container's devices when it is made; else
 * others of its types, with which it has to be made anew. Undefined when there are too few.
 */
export function chooseCards(
  { gpuTypes, gpuCount, generation, last }: CardRequest,
  free: readonly Card[],
): ChosenCards | undefined {
  const freeUuids = new Set(free.map(({ uuid }) => uuid))
  const [first] = last
  if (first && last.length === gpuCount && last.every(({ uuid }) => freeUuids.has(uuid))) {
    return { generation, gpuType: first.name, gpuUuids: last.map(({ uuid }) => uuid) }
  }
  for (const gpuType of gpuTypes) {
    const cards = free.filter(({ name }) => name === gpuType)
    if (cards.length < gpuCount) continue
    const gpuUuids = cards.slice(0, gpuCount).map(({ uuid }) => uuid)
    // Also for one that was never made, so that a late word about its last try does not count.
    return { generation: generation + 1, gpuType, gpuUuids }
  }
  return undefined
}
