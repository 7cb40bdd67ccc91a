import { GpulabError } from '@gpulab/contract'
import {
  type Candidate,
  listEligible,
  listMissing,
  type PlacementRequest,
  type Resource,
} from './placement.ts'

export interface Shortage {
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  /** What helps, where it is not the usual. */
  readonly hint?: string
  /** Waiting does not help. */
  readonly isLasting?: true
}

const volumeElsewhere =
  'A local volume stays on its host: make one where such GPUs are (gpulab volumes create --gpu-type TYPE), and copy what is in it (gpulab volumes cp).'
const volumeOnLarger =
  'Ask for less, or copy what is in its volumes to one on a larger host (gpulab volumes cp).'

const gib = (bytes: number): string => `${Math.floor((bytes / 2 ** 30) * 10) / 10} GiB`

/** Why no host has room: what is missing where it is closest. */
export function explainShortage(candidates: readonly Candidate[], request: PlacementRequest): Shortage {
  const wanted = describeRequest(request)
  const eligible = listEligible(candidates, request)
  if (eligible.length === 0) return { message: nobody(request), details: { hosts: 0 } }
  const { candidate, missing } = findClosest(eligible, request)
  if (missing.length === 0) {
    return { message: 'Hosts fill up faster than it could be placed.', details: { hosts: candidates.length } }
  }
  const free = missing.map((resource) => describeFree(resource, candidate, request)).join(', ')
  if (request.pinnedTo !== null) {
    return {
      message: `Host ${candidate.hostName}, which has its volumes, has no room for ${wanted}: it has ${free} free.`,
      details: toDetails(eligible, request, missing),
    }
  }
  return {
    message: `No host has room for ${wanted}; the closest one, ${candidate.hostName}, has ${free} free.`,
    details: toDetails(eligible, request, missing),
  }
}

/** Why no host could hold it, with what hosts have if nothing else is there. */
export function explainImpossible(capacities: readonly Candidate[], request: PlacementRequest): Shortage {
  if (capacities.length === 0) {
    return { message: 'No GPU host has joined yet.', details: { hosts: 0 }, isLasting: true }
  }
  const eligible = listEligible(capacities, request)
  if (eligible.length === 0) return { message: nobody(request), details: { hosts: 0 }, isLasting: true }
  const { candidate, missing } = findClosest(eligible, request)
  const all = missing.map((resource) => describeFree(resource, candidate, request)).join(', ')
  if (request.pinnedTo !== null) {
    return {
      message: `Host ${candidate.hostName}, which has its volumes, is not large enough for ${describeRequest(request)}: it has ${all} in all.`,
      hint: missing.includes('gpu') ? volumeElsewhere : volumeOnLarger,
      details: toDetails(eligible, request, missing),
      isLasting: true,
    }
  }
  return {
    message: `No host is large enough for ${describeRequest(request)}; the closest one, ${candidate.hostName}, has ${all} in all.`,
    details: toDetails(eligible, request, missing),
    isLasting: true,
  }
}

function nobody({ pinnedTo, volumeDrivers }: PlacementRequest): string {
  const open = 'connected, well and open for new containers'
  if (pinnedTo !== null) return `The host that has its volumes is not ${open}.`
  if (volumeDrivers.length > 0) return `No GPU host with ${volumeDrivers.join(' and ')} volumes is ${open}.`
  return `No GPU host is ${open}.`
}

/** There has to be one at least. */
function findClosest(candidates: readonly Candidate[], request: PlacementRequest) {
  const [closest] = candidates
    .map((candidate) => ({ candidate, missing: listMissing(candidate, request) }))
    .toSorted(
      (left, right) =>
        left.missing.length - right.missing.length ||
        mostFree(right.candidate, request) - mostFree(left.candidate, request) ||
        right.candidate.freeMemoryBytes - left.candidate.freeMemoryBytes,
    )
  return closest as NonNullable<typeof closest>
}

const toDetails = (
  candidates: readonly Candidate[],
  request: PlacementRequest,
  missing: readonly Resource[],
): Shortage['details'] => ({
  hosts: candidates.length,
  gpu_types: request.gpuTypes,
  wanted: request.gpuCount,
  most_on_one_host: Math.max(...candidates.map((host) => mostFree(host, request))),
  missing,
})

const mostFree = ({ freeGpus }: Candidate, { gpuTypes }: PlacementRequest): number =>
  Math.max(0, ...gpuTypes.map((type) => freeGpus[type] ?? 0))

function describeRequest({ gpuCount, gpuTypes, memoryBytes, cpus, diskBytes }: PlacementRequest): string {
  return [
    ...(gpuCount > 0 ? [`${gpuCount} ${gpuTypes.join(' or ')}`] : []),
    `${gib(memoryBytes)} of memory`,
    ...(cpus === null ? [] : [`${cpus} CPUs`]),
    ...(diskBytes > 0 ? [`${gib(diskBytes)} of disk`] : []),
  ].join(', ')
}

function describeFree(resource: Resource, candidate: Candidate, request: PlacementRequest): string {
  switch (resource) {
    case 'gpu':
      return request.gpuTypes.map((type) => `${candidate.freeGpus[type] ?? 0} ${type}`).join(' and ')
    case 'memory':
      return `${gib(Math.max(0, candidate.freeMemoryBytes))} of memory`
    case 'cpu':
      return `${Math.max(0, candidate.freeCpus)} CPUs`
    case 'slot':
      return 'no place for another container'
    case 'disk':
      return `${gib(Math.max(0, candidate.freeDiskBytes))} of disk`
  }
}

export const noCapacity = (
  { message, details, isLasting, hint: special }: Shortage,
  hint = 'gpulab gpus shows which GPUs are free; deploy --queue waits in line.',
): GpulabError =>
  new GpulabError('no_capacity', {
    message,
    hint:
      special ?? (isLasting ? 'Ask for less, or have your operator add a host (gpulab hosts add).' : hint),
    details,
  })
