/** What a container needs of a host. */
export interface PlacementRequest {
  /** Acceptable types, the preferred first; empty without GPUs. */
  readonly gpuTypes: readonly string[]
  readonly gpuCount: number
  readonly memoryBytes: number
  /** null: no share of its own. */
  readonly cpus: number | null
  readonly diskBytes: number
  readonly image: string
  /** The only host that has its volumes; null where others will do. */
  readonly pinnedTo: string | null
  /** Kinds of volumes that the host has to have. */
  readonly volumeDrivers: readonly string[]
  /** The host where its files are already, and count. */
  readonly residesOn: string | null
}

/** A host that answers and takes work, with what is not yet promised of it. */
export interface Candidate {
  readonly hostUuid: string
  readonly hostName: string
  /** Free cards by type. */
  readonly freeGpus: Readonly<Record<string, number>>
  readonly freeMemoryBytes: number
  readonly freeCpus: number
  readonly freeDiskBytes: number
  /** How many more containers it may have. */
  readonly freeSlots: number
  readonly hasImage: boolean
  /** Kinds of volumes that it has. */
  readonly volumeDrivers: readonly string[]
}

export interface Placement {
  readonly hostUuid: string
  /** null without GPUs. */
  readonly gpuType: string | null
}

export type Resource = 'gpu' | 'memory' | 'cpu' | 'disk' | 'slot'

/** The type that the host would give: the first acceptable one of which it has enough. */
export function chooseGpuType(
  { freeGpus }: Pick<Candidate, 'freeGpus'>,
  request: PlacementRequest,
): string | undefined {
  return request.gpuTypes.find((type) => (freeGpus[type] ?? 0) >= request.gpuCount)
}

/** Those that can have its volumes at all. */
export const listEligible = <C extends Pick<Candidate, 'hostUuid' | 'volumeDrivers'>>(
  candidates: readonly C[],
  { pinnedTo, volumeDrivers }: Pick<PlacementRequest, 'pinnedTo' | 'volumeDrivers'>,
): C[] =>
  candidates.filter(
    (candidate) =>
      (pinnedTo === null || candidate.hostUuid === pinnedTo) &&
      volumeDrivers.every((driver) => candidate.volumeDrivers.includes(driver)),
  )

/** What the host has too little of. */
export function listMissing(candidate: Candidate, request: PlacementRequest): Resource[] {
  const missing: Resource[] = []
  if (request.gpuCount > 0 && chooseGpuType(candidate, request) === undefined) missing.push('gpu')
  if (candidate.freeMemoryBytes < request.memoryBytes) missing.push('memory')
  if (candidate.freeCpus < (request.cpus ?? 0)) missing.push('cpu')
  const isItsOwn = candidate.hostUuid === request.residesOn
  if (!isItsOwn && candidate.freeDiskBytes < request.diskBytes) missing.push('disk')
  if (!isItsOwn && candidate.freeSlots < 1) missing.push('slot')
  return missing
}

/**
 * Hosts with room, the best first: with the type that is preferred most; then where the fewest cards stay free, so that
 * whole hosts stay free for large requests, those without GPUs included; then where the image is already; then the
 * fullest.
 */
export function rankHosts(candidates: readonly Candidate[], request: PlacementRequest): Placement[] {
  return listEligible(candidates, request)
    .filter((candidate) => listMissing(candidate, request).length === 0)
    .map((candidate) => ({ candidate, gpuType: chooseGpuType(candidate, request) ?? null }))
    .toSorted((left, right) => {
      const byType = preference(left.gpuType, request) - preference(right.gpuType, request)
      return byType || compareRoom(left.candidate, right.candidate, left.gpuType)
    })
    .map(({ candidate: { hostUuid }, gpuType }) => ({ hostUuid, gpuType }))
}

const preference = (gpuType: string | null, { gpuTypes }: PlacementRequest): number =>
  gpuType === null ? 0 : gpuTypes.indexOf(gpuType)

function compareRoom(left: Candidate, right: Candidate, gpuType: string | null): number {
  return (
    countFree(left, gpuType) - countFree(right, gpuType) ||
    Number(right.hasImage) - Number(left.hasImage) ||
    left.freeMemoryBytes - right.freeMemoryBytes ||
    (left.hostUuid < right.hostUuid ? -1 : 1)
  )
}

/** Of the type that is wanted, or of all. */
const countFree = ({ freeGpus }: Candidate, gpuType: string | null): number =>
  gpuType === null ? Object.values(freeGpus).reduce((sum, free) => sum + free, 0) : (freeGpus[gpuType] ?? 0)
