import { isRival } from '../../../../apps/api/src/containers/queue.ts'
import type { ContainerState, Snapshot } from '../control-plane.ts'
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
const isPossible = (
  end: Snapshot,
  { gpuTypes, gpuCount, memoryBytes }: ContainerState,
  at: number,
): boolean =>
  end.capacities.some(
    (host) =>
      !isWithin(listFences(end, host.hostUuid), at) &&
      host.memoryBytes >= memoryBytes &&
      (gpuCount === 0 || gpuTypes.some((type) => (host.gpus[type] ?? 0) >= gpuCount)),
  )

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
