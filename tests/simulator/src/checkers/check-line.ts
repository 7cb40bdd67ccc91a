import { isRival } from '../../../../apps/api/src/containers/queue.ts'
import type { Capacity, ContainerState, Snapshot } from '../control-plane.ts'
import type { History, Violation } from '../history.ts'
import { isWithin, listFences } from './runs.ts'
import { short } from '../world/short.ts'

/** One that is placed for the first time, and since when it had wanted to be. */
interface Placement {
  readonly container: ContainerState
  readonly wantedAt: number
  readonly placedAt: number
}

/** First come, first served, among those who want the same. */
export function checkLine({ end, slackMs }: Pick<History, 'end' | 'slackMs'>): Violation[] {
  const waits = listWaits(end)
  return listPlacements(end).flatMap(({ container, wantedAt, placedAt }): Violation[] => {
    const passed = waits.find(
      (other) =>
        other.container.uuid !== container.uuid &&
        isRival(other.container, container) &&
        isPossible(end, other.container, placedAt) &&
        other.from + slackMs < wantedAt &&
        other.from < placedAt &&
        placedAt < other.to,
    )
    if (!passed) return []
    const message = `${short(container.uuid)} was placed before ${short(passed.container.uuid)}, which had come first`
    return [{ rule: 'line', at: placedAt, message }]
  })
}

/** Whether some host could hold it if nothing else were there: who waits for what no host could holds up nobody. */
const isPossible = (end: Snapshot, wanted: ContainerState, at: number): boolean =>
  end.capacities.some((host) => !isWithin(listFences(end, host.hostUuid), at) && canHold(host, wanted))

const canHold = (
  { cards, memoryBytes }: Omit<Capacity, 'hostUuid'>,
  { gpuTypes, gpuCount, ...wanted }: ContainerState,
): boolean =>
  memoryBytes >= wanted.memoryBytes &&
  (gpuCount === 0 || gpuTypes.some((type) => cards.filter(({ name }) => name === type).length >= gpuCount))

/** How long room may be there before the next in line has it. */
const serveMs = 5000

/** Nobody waits for what is there: once all is calm, the first in line finds no host with room. */
export function checkServed(now: Snapshot, at: number): Violation[] {
  const isJustFree = now.leases.some(({ releasedAt }) => releasedAt !== null && releasedAt > at - serveMs)
  if (isJustFree) return []
  const open = now.hosts.filter(({ state }) => state === 'active').map(({ uuid }) => uuid)
  const line = now.containers
    .filter(({ queuedAt }) => queuedAt !== null)
    .filter((container) => isPossible(now, container, at))
    .toSorted((a, b) => Number(a.queuedAt) - Number(b.queuedAt))
  return line.flatMap((container, index): Violation[] => {
    const isBehind = line.slice(0, index).some((earlier) => isRival(earlier, container))
    const host = isBehind ? undefined : open.find((uuid) => canHold(listFree(now, uuid), container))
    if (host === undefined) return []
    return [{ rule: 'line', at, message: `${short(container.uuid)} waits although there is room` }]
  })
}

/** What is not promised of a host. */
function listFree(
  { capacities, containers, leases }: Snapshot,
  hostUuid: string,
): Omit<Capacity, 'hostUuid'> {
  const taken = new Set(leases.filter(({ releasedAt }) => releasedAt === null).map(({ gpuUuid }) => gpuUuid))
  const { cards = [], memoryBytes = 0 } = capacities.find((each) => each.hostUuid === hostUuid) ?? {}
  const promised = containers
    .filter((row) => row.hostUuid === hostUuid && row.holds && row.deletedAt === null)
    .reduce((sum, row) => sum + row.memoryBytes, 0)
  return { cards: cards.filter(({ uuid }) => !taken.has(uuid)), memoryBytes: memoryBytes - promised }
}

/** While it waits it may be told several times what is missing. */
const toldOf = ({ events }: Snapshot, uuid: string) =>
  events
    .filter(({ containerUuid }) => containerUuid === uuid)
    .filter(({ status }, index, told) => status !== 'queued' || told[index - 1]?.status !== status)

function listWaits(end: Snapshot) {
  return end.containers.flatMap((container) => {
    const told = toldOf(end, container.uuid)
    return told.flatMap(({ status, at: from }, index) =>
      status === 'queued' ? [{ container, from, to: told[index + 1]?.at ?? Infinity }] : [],
    )
  })
}

const listPlacements = (end: Snapshot): Placement[] =>
  end.containers.flatMap((container) => {
    const told = toldOf(end, container.uuid)
    return told.flatMap(({ status, at: placedAt }, index) => {
      const before = told[index - 1]
      if (status !== 'deploying' || (before && before.status !== 'queued')) return []
      return [{ container, wantedAt: before?.at ?? container.createdAt, placedAt }]
    })
  })
