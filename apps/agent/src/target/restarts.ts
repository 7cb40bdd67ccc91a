import { isGoodRun, type RestartPolicy, type TargetContainer, willRestart } from '@gpulab/contract'
import type { ObservedContainer } from '../containers/labels.ts'

/** How often an attempt was started again by itself, in a row, and after which run the last time. */
export interface RestartRecord {
  readonly count: number
  readonly after: string | null
}

type Run = Pick<ObservedContainer, 'state' | 'startedAt' | 'finishedAt' | 'exitCode' | 'oomKilled'>
type Wish = Pick<TargetContainer, 'uuid' | 'generation' | 'attempt' | 'restarts'>

const firstMs = 100
const longestMs = 60_000

/** Restarts in a row before this run ended. The same answer for the same run, however often it was tried to follow it. */
export function countBefore(run: Run | undefined, { count, after }: RestartRecord): number {
  if (run?.state !== 'exited') return count
  if (isGoodRun(run.startedAt, run.finishedAt)) return 0
  return run.startedAt !== null && run.startedAt === after ? Math.max(count - 1, 0) : count
}

export interface Restart {
  /** What counts once it was tried. */
  readonly record: RestartRecord
  readonly afterMs: number
}

/** Whether and when a container that has ended by itself runs again. */
export function toRestart(policy: RestartPolicy, run: Run, record: RestartRecord): Restart | undefined {
  if (run.state !== 'exited') return undefined
  const restarts = countBefore(run, record)
  if (!willRestart(policy, { exitCode: run.exitCode, oomKilled: run.oomKilled, restarts })) return undefined
  const afterMs = Math.min(firstMs * 2 ** restarts, longestMs)
  return { record: { count: restarts + 1, after: run.startedAt }, afterMs }
}

export interface Restarts {
  /** An attempt that this agent has not begun to count goes on where the control plane heard of it last. */
  find(wish: Wish): RestartRecord
  set(wish: Wish, record: RestartRecord): void
  /** Forgets attempts that are no longer in the target. */
  keep(wishes: readonly Wish[]): void
}

export function createRestarts(): Restarts {
  const records = new Map<string, RestartRecord>()
  const keyOf = ({ uuid, generation, attempt }: Wish): string => `${uuid} ${generation} ${attempt}`
  return {
    find: (wish) => records.get(keyOf(wish)) ?? { count: wish.restarts, after: null },
    set: (wish, record) => void records.set(keyOf(wish), record),
    keep: (wishes) => {
      const kept = new Set(wishes.map(keyOf))
      for (const key of records.keys()) if (!kept.has(key)) records.delete(key)
    },
  }
}
