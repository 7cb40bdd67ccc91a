import type { History, Violation } from '../history.ts'
import { isWithin, listFences, listRuns } from './runs.ts'
import { short } from '../world/short.ts'

/** R25: what is deleted stays so, and nothing of it starts any more. */
export function checkDeletions({ engine, end }: Pick<History, 'engine' | 'end'>): Violation[] {
  const runs = listRuns(engine)
  const rule = 'R25'
  return end.containers.flatMap(({ uuid, deletedAt, hostUuid }): Violation[] => {
    const told = end.events.filter(({ containerUuid }) => containerUuid === uuid)
    const deleting = told.findIndex(({ status }) => status === 'deleting' || status === 'deleted')
    const back = deleting === -1 ? undefined : told.slice(deleting).find(({ status }) => !isEnd(status))
    const late = runs.find(
      (run) =>
        run.uuid === uuid &&
        deletedAt !== null &&
        run.to > deletedAt &&
        !isWithin(listFences(end, run.hostUuid), deletedAt) &&
        // It had moved, and its old host was dead.
        (run.hostUuid === hostUuid || run.from > deletedAt),
    )
    return [
      ...(back
        ? [{ rule, at: back.at, message: `${short(uuid)} is ${back.status} after its deletion` }]
        : []),
      ...(deletedAt !== null && told.at(-1)?.status !== 'deleted'
        ? [{ rule, at: deletedAt, message: `nobody was told that ${short(uuid)} is deleted` }]
        : []),
      ...(late ? [{ rule, at: late.from, message: `${short(uuid)} runs although it is deleted` }] : []),
    ]
  })
}

const isEnd = (status: string): boolean =>
  status === 'deleting' || status === 'deleted' || status === 'unreachable'
