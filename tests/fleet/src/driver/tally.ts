/** What all agents of a process did, added up. */
export interface Tally {
  readonly calls: Record<string, number>
  readonly failures: Record<string, number>
}

export const createTally = (): Tally => ({ calls: {}, failures: {} })

export function add(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}
