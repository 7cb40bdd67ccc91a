/** Something on the engine that GPULab has made. */
export interface Found {
  readonly kind: 'container' | 'image' | 'network'
  /** For the engine. */
  readonly ref: string
  readonly name: string
  /** The uuid of the container, or of the network's team. */
  readonly owner: string
  readonly createdAt: string
}

export interface Orphan extends Found {
  readonly firstSeenMs: number
  /** From when on it may be removed. */
  readonly dueMs: number
}

/** When each orphan was first seen as one, by `toKey`. */
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

const toKey = ({ kind, ref }: Found): string => `${kind} ${ref}`

/**
 * What nobody wants, and what to remember of it until the next look. Each has to have been unwanted for the grace time
 * without a break, and to be that old itself; a container's images and volumes go with the youngest of its parts.
 */
export function findOrphans(input: Input): { readonly orphans: Orphan[]; readonly memory: Memory } {
  const { found, isWanted, nowMs, startedMs, graceMs } = input
  const unwanted = found.filter((each) => !isWanted(each))
  const memory = new Map(unwanted.map((each) => [toKey(each), input.memory.get(toKey(each)) ?? nowMs]))
  const seenOf = (each: Found): number => memory.get(toKey(each)) ?? nowMs
  // An age that can not be read counts as none.
  const createdOf = ({ createdAt }: Found): number => Date.parse(createdAt) || nowMs
  const dueOf = new Map<string, number>()
  for (const each of unwanted) {
    const due = Math.max(seenOf(each), createdOf(each), startedMs) + graceMs
    dueOf.set(each.owner, Math.max(due, dueOf.get(each.owner) ?? due))
  }
  const orphans = unwanted.map((each) => ({
    ...each,
    firstSeenMs: seenOf(each),
    dueMs: dueOf.get(each.owner) ?? Infinity,
  }))
  return { orphans, memory }
}
