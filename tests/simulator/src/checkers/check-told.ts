import type { History, Violation } from '../history.ts'
import { short } from '../world/short.ts'

/** What may follow on what users were told; `start` for a container that is new. */
const next: Readonly<Record<string, readonly string[]>> = {
  start: ['deploying', 'queued'],
  queued: ['queued', 'deploying', 'failed', 'deleting', 'deleted'],
  deploying: ['running', 'restarting', 'stopped', 'failed', 'stopping', 'unreachable', 'deleting', 'deleted'],
  running: ['restarting', 'stopped', 'failed', 'stopping', 'unreachable', 'deleting', 'deleted'],
  starting: ['running', 'restarting', 'stopped', 'failed', 'stopping', 'unreachable', 'deleting', 'deleted'],
  restarting: [
    'running',
    'starting',
    'restarting',
    'stopped',
    'failed',
    'stopping',
    'unreachable',
    'deleting',
    'deleted',
  ],
  stopping: ['stopped', 'failed', 'unreachable', 'deleting', 'deleted'],
  stopped: ['starting', 'deploying', 'stopped', 'failed', 'deleting', 'deleted'],
  failed: ['starting', 'deploying', 'queued', 'stopped', 'failed', 'deleting', 'deleted'],
  unreachable: [
    'deploying',
    'running',
    'starting',
    'restarting',
    'stopping',
    'stopped',
    'failed',
    'deleting',
    'deleted',
  ],
  deleting: ['deleting', 'deleted'],
  deleted: [],
}

/**
 * What is told when a new run is wished for. A restart is fulfilled by one that its policy brought about meanwhile, of
 * which the control plane had not heard.
 */
const wishes = new Set(['deploying', 'starting'])
/** What it is told after, then; after anything else it says again what is known. */
const beforeWishes = new Set(['start', 'queued', 'stopped', 'failed'])
const ofRuns = new Set(['exited', 'out_of_memory'])

/** Users are told one thing after the other that can follow, and of a run only what has run since it was wished for. */
export function checkTold({
  engine,
  meddled,
  end,
}: Pick<History, 'engine' | 'meddled' | 'end'>): Violation[] {
  const rule = 'told'
  return end.containers.flatMap(({ uuid }): Violation[] => {
    // What somebody removes by hand is taken for one that is yet to be made, until its host has looked twice.
    if (meddled.has(uuid)) return []
    const starts = engine.filter((each) => each.uuid === uuid && each.action === 'start').map(({ at }) => at)
    let before = 'start'
    let wishedAt = 0
    return end.events
      .filter(({ containerUuid }) => containerUuid === uuid)
      .flatMap(({ at, status, reason }): Violation[] => {
        const after = before
        before = status
        if (!next[after]?.includes(status)) {
          return [{ rule, at, message: `${short(uuid)} was told to be ${status} (${reason}) after ${after}` }]
        }
        if (wishes.has(status) && beforeWishes.has(after)) wishedAt = at
        // What is stopped before it could run is as it was.
        if (status === 'stopping') wishedAt = 0
        const isOfRun = status === 'running' || (reason !== null && ofRuns.has(reason))
        if (!isOfRun || starts.some((start) => wishedAt <= start && start <= at)) return []
        return [
          { rule, at, message: `${short(uuid)} was told to be ${status} (${reason}) by a run of before` },
        ]
      })
  })
}

/** A request that is repeated makes one container. */
export function checkOnce({ end }: Pick<History, 'end'>): Violation[] {
  const byMark = Map.groupBy(end.containers, ({ mark }) => mark)
  return [...byMark.values()].flatMap(([first, second]): Violation[] =>
    first && second
      ? [{ rule: 'once', at: second.createdAt, message: `two containers of one request: ${first.mark}` }]
      : [],
  )
}
