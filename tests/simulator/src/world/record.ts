import type { Snapshot } from '../control-plane.ts'
import type { Asked, Done, EngineEvent, History, Made, TakenReport, Violation } from '../history.ts'

/** What is written down of a world while it goes on. */
export interface Record {
  readonly engine: EngineEvent[]
  readonly reports: TakenReport[]
  readonly asked: Asked[]
  readonly done: Done[]
  readonly made: Map<string, Made>
  readonly meddled: Set<string>
  readonly skewed: Set<string>
  readonly violations: Violation[]
}

export const createRecord = (): Record => ({
  engine: [],
  reports: [],
  asked: [],
  done: [],
  made: new Map(),
  meddled: new Set(),
  skewed: new Set(),
  violations: [],
})

export const toHistory = ({ made, ...record }: Record, end: Snapshot, slackMs: number): History => ({
  ...record,
  made: [...made.values()],
  slackMs,
  end,
})
