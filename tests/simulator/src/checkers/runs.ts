import type { Snapshot } from '../control-plane.ts'
import type { EngineEvent } from '../history.ts'

/** A time during which a container's processes were there. */
export interface Run {
  readonly hostUuid: string
  /** The engine's id. */
  readonly id: string
  readonly uuid: string
  readonly generation: number
  readonly gpus: readonly string[]
  readonly from: number
  /** Infinity while it goes on. */
  readonly to: number
}

export function listRuns(events: readonly EngineEvent[]): Run[] {
  const open = new Map<string, EngineEvent>()
  const runs: Run[] = []
  const end = (id: string, to: number): void => {
    const start = open.get(id)
    if (!start || !open.delete(id)) return
    const { hostUuid, uuid, generation, gpus, at: from } = start
    runs.push({ hostUuid, id, uuid, generation, gpus, from, to })
  }
  for (const event of events) {
    const key = `${event.hostUuid} ${event.id}`
    if (event.action === 'start') open.set(key, event)
    if (event.action === 'die' || event.action === 'destroy') end(key, event.at)
  }
  for (const id of open.keys()) end(id, Infinity)
  return runs.toSorted((a, b) => a.from - b.from)
}

export interface Interval {
  readonly from: number
  readonly to: number
}

/** When a host counted as dead: from its fence until it was let in again. */
export function listFences({ hostEvents }: Snapshot, hostUuid: string): Interval[] {
  const fences: Interval[] = []
  let from: number | undefined
  for (const { at, type, ...event } of hostEvents) {
    if (event.hostUuid !== hostUuid) continue
    if (type === 'fenced') from ??= at
    if (type !== 'active' || from === undefined) continue
    fences.push({ from, to: at })
    from = undefined
  }
  if (from !== undefined) fences.push({ from, to: Infinity })
  return fences
}

export const isWithin = (intervals: readonly Interval[], moment: number): boolean =>
  intervals.some(({ from, to }) => from <= moment && moment < to)

/** The first moment of an interval that none of the others has; undefined where they cover all of it. */
export function findGap({ from, to }: Interval, cover: readonly Interval[]): number | undefined {
  let at = from
  for (const each of cover.toSorted((a, b) => a.from - b.from)) {
    if (each.from > at) break
    at = Math.max(at, each.to)
    if (at >= to) return undefined
  }
  return at < to ? at : undefined
}
