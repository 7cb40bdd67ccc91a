/** Something on the engine that GPULab has made. */
export interface Found {
  readonly kind: 'container' | 'image' | 'network'
  /** For the engine. */
  readonly ref: string
  readonly name: string
  /** The uuid of the container, or of the network's team. */
  readonly owner: string
  readonly createdAt: string
  /** Whether it says of itself that it was made as this host. */
  readonly isOurs: boolean
}

export interface Orphan extends Found {
  readonly seenForMs: number
  /** Until then it is let be. */
  readonly dueInMs: number
  /** Whether all that there is of it is known to be of this host: what is not is told of, and stays. */
  readonly isRemovable: boolean
}

/** When each orphan was first seen as one, by `toKey`, on a clock that nobody sets. */
export type Memory = ReadonlyMap<string, number>

interface Input {
  /** All that there is: what is not in it is not there. */
  readonly found: readonly Found[]
  readonly isWanted: (found: Found) => boolean
  readonly memory: Memory
  readonly nowMs: number
  /** Of this run of the agent. */
  readonly startedMs: number
  readonly graceMs: number
}

// Another image may have the name of one that is gone.
const toKey = ({ kind, ref, createdAt }: Found): string => `${kind} ${ref} ${createdAt}`

/**
 * What nobody wants, and what to remember of it until the next look. Each has to have been unwanted for the grace time
 * without a break, and so is that old itself; a container's images and volumes go with the youngest of its parts.
 */
export function findOrphans(input: Input): { readonly orphans: Orphan[]; readonly memory: Memory } {
  const { found, isWanted, nowMs, startedMs, graceMs } = input
  const unwanted = found.filter((each) => !isWanted(each))
  const memory = new Map(unwanted.map((each) => [toKey(each), input.memory.get(toKey(each)) ?? nowMs]))
  const seenOf = (each: Found): number => memory.get(toKey(each)) ?? nowMs
  const byOwner = Map.groupBy(unwanted, ({ owner }) => owner)
  const orphans = [...byOwner.values()].flatMap((parts) => {
    const dueMs = Math.max(startedMs, ...parts.map(seenOf)) + graceMs
    const isRemovable = parts.every(({ isOurs }) => isOurs)
    return parts.map((each) => ({
      ...each,
      seenForMs: nowMs - seenOf(each),
      dueInMs: dueMs - nowMs,
      isRemovable,
    }))
  })
  return { orphans, memory }
}
