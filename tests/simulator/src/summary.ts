import type { History } from './history.ts'

/** What came of a run, in terms that do not depend on the uuids of containers. */
export function summarize({ engine, end }: Pick<History, 'engine' | 'end'>) {
  const marks = new Map(end.containers.map(({ uuid, mark }) => [uuid, mark]))
  const nameOf = (uuid: string): string => marks.get(uuid) ?? 'unknown'
  const containers = end.containers.map((container) => ({
    mark: container.mark,
    desired: container.desired,
    status: container.status.status,
    reason: container.status.reason?.code ?? null,
    told: container.announcedStatus,
    host: container.hostUuid,
    generation: container.generation,
    baseGeneration: container.baseGeneration,
    attempt: container.attempt,
    holds: container.holds,
    queuedAt: container.queuedAt,
    deadlineAt: container.deadlineAt,
    deletedAt: container.deletedAt,
    state: container.facts?.state ?? null,
  }))
  return {
    containers: containers.toSorted(byText(({ mark }) => mark)),
    leases: end.leases
      .map(({ gpuUuid, containerUuid, generation, leasedAt, releasedAt, releasedBy }) => ({
        gpu: gpuUuid,
        mark: nameOf(containerUuid),
        generation,
        leasedAt,
        releasedAt,
        releasedBy,
      }))
      .toSorted(byText(({ gpu, leasedAt }) => `${leasedAt} ${gpu}`)),
    // What those in line are told to be missing is not compared, nor the order of events in one moment.
    events: end.events
      .filter(({ status }) => status !== 'queued')
      .map(({ containerUuid, at, status, reason }) => `${at} ${nameOf(containerUuid)} ${status} ${reason}`)
      .toSorted(),
    engine: engine.map(
      ({ at, hostUuid, action, uuid, generation, gpus }) =>
        `${at} ${hostUuid} ${action} ${nameOf(uuid)} g${generation} ${gpus.join()}`,
    ),
  }
}

const byText =
  <T>(textOf: (item: T) => string) =>
  (a: T, b: T): number =>
    textOf(a) < textOf(b) ? -1 : 1
