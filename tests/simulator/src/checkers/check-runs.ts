import type { History, Violation } from '../history.ts'
import { findGap, isWithin, listFences, listRuns, type Run } from './runs.ts'
import { short } from '../world/short.ts'

/** R1: no GPU is in two live containers, and no container lives twice, unless its host was declared dead. */
export function checkOneHolder({ engine, end }: Pick<History, 'engine' | 'end'>): Violation[] {
  const runs = listRuns(engine)
  const isFenced = (run: Run, at: number): boolean => isWithin(listFences(end, run.hostUuid), at)
  return runs.flatMap((run, index): Violation[] => {
    const earlier = runs.slice(0, index).filter((other) => other.to > run.from)
    const shared = earlier.find((other) => other.gpus.some((gpu) => run.gpus.includes(gpu)))
    const twin = earlier.find(
      (other) => other.uuid === run.uuid && !isFenced(other, run.from) && !isFenced(run, run.from),
    )
    return [
      ...(shared
        ? [violation(run, `${nameOf(run)} started with a GPU that ${nameOf(shared)} had, which still ran`)]
        : []),
      ...(twin ? [violation(run, `${nameOf(run)} started while ${nameOf(twin)} ran`)] : []),
    ]
  })
}

/** R1 and R28: whoever runs holds leases of its cards all the while, whatever restarts in between. */
export function checkLeased({ engine, end }: Pick<History, 'engine' | 'end'>): Violation[] {
  return listRuns(engine).flatMap((run) =>
    run.gpus.flatMap((gpu): Violation[] => {
      const leases = end.leases
        .filter((lease) => lease.containerUuid === run.uuid && lease.gpuUuid === gpu)
        .map(({ leasedAt, releasedAt }) => ({ from: leasedAt, to: releasedAt ?? Infinity }))
      const gap = findGap(run, [...leases, ...listFences(end, run.hostUuid)])
      if (gap === undefined) return []
      return [violation({ ...run, from: gap }, `${nameOf(run)} ran with ${gpu} and without its lease`)]
    }),
  )
}

/** R1 and R28: a card's leases follow each other. */
export function checkLeases({ end }: Pick<History, 'end'>): Violation[] {
  const byCard = Map.groupBy(end.leases, ({ gpuUuid }) => gpuUuid)
  return [...byCard].flatMap(([gpu, leases]) => {
    const sorted = leases.toSorted((a, b) => a.leasedAt - b.leasedAt)
    return sorted.flatMap((lease, index): Violation[] => {
      const { leasedAt, releasedAt } = lease
      const before = sorted[index - 1]
      const rule = 'R28'
      if (releasedAt !== null && releasedAt < leasedAt) {
        return [{ rule, at: leasedAt, message: `a lease of ${gpu} ends before it begins` }]
      }
      if (!before || (before.releasedAt !== null && before.releasedAt <= leasedAt)) return []
      return [{ rule: 'R1', at: leasedAt, message: `${gpu} is leased while it is leased` }]
    })
  })
}

/** R1: no host has ever told of a container that runs with other cards than it holds. */
export const checkCards = ({ end }: Pick<History, 'end'>): Violation[] =>
  end.hostEvents
    .filter(({ type }) => type === 'gpu_mismatch')
    .map(({ at, hostUuid }) => ({
      rule: 'R1',
      at,
      message: `host ${short(hostUuid)} runs containers with other GPUs than they hold`,
    }))

const nameOf = ({ uuid, generation }: Run): string => `${short(uuid)} g${generation}`
const violation = ({ from }: Run, message: string): Violation => ({ rule: 'R1', at: from, message })
