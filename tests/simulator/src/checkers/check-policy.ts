import type { History, Violation } from '../history.ts'
import { listRuns } from './runs.ts'
import { short } from '../world/short.ts'

/** Runs of this length are good ones, after which the count begins anew. */
const goodMs = 10_000
/** What a request is answered with that is the wish for a new run. */
const wishes: Readonly<Record<string, string>> = {
  create: 'deploying',
  redeploy: 'deploying',
  start: 'starting',
  restart: 'restarting',
}

/** A container that gave up was started again by itself as often as its user allowed, and not much oftener. */
export function checkPolicy({ engine, end, done, meddled, skewed }: History): Violation[] {
  const runs = listRuns(engine)
  return end.containers.flatMap((container): Violation[] => {
    const { uuid, hostUuid, restart, status, deletedAt } = container
    const { max_retries: most } = restart
    if (skewed.has(hostUuid ?? '')) return []
    if (restart.policy !== 'on-failure' || most === null || deletedAt !== null || meddled.has(uuid)) return []
    if (status.status !== 'failed' || status.reason?.code !== 'exited') return []
    const since = done.findLast((each) => each.uuid === uuid && wishes[each.what] === each.status)?.at ?? 0
    const own = runs.filter((run) => run.uuid === uuid && run.from >= since)
    const short_ = own.slice(own.findLastIndex(({ from, to }) => to - from >= goodMs) + 1)
    const isEnough = own.length > most || short_.length > most
    if (isEnough) return []
    return [
      {
        rule: 'policy',
        at: since,
        message: `${short(uuid)} gave up after ${own.length} runs, not ${most + 1}`,
      },
    ]
  })
}
