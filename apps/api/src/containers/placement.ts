/** A host that could take a container now. */
export interface Candidate {
  readonly hostUuid: string
  /** Free cards of the wanted type. */
  readonly freeGpus: number
  /** Containers that are placed on it. */
  readonly containers: number
}

/**
 * Hosts with room, the best first. A GPU container goes where the fewest cards stay free, so that whole hosts stay
 * free for larger requests; one without goes to the emptiest host.
 */
export function rankHosts(candidates: readonly Candidate[], gpuCount: number): Candidate[] {
  const fitting = candidates.filter(({ freeGpus }) => freeGpus >= gpuCount)
  return fitting.toSorted((left, right) =>
    gpuCount > 0
      ? left.freeGpus - right.freeGpus || left.hostUuid.localeCompare(right.hostUuid)
      : left.containers - right.containers || left.hostUuid.localeCompare(right.hostUuid),
  )
}
