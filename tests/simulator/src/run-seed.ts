import { checkHistory } from './checkers/check-history.ts'
import { checkServed } from './checkers/check-line.ts'
import { checkLeftovers, checkOneToOne, createDeadlineCheck } from './checkers/check-state.ts'
import type { ControlPlane } from './control-plane.ts'
import type { History, Violation } from './history.ts'
import { createModel } from './model/create-model.ts'
import type { Decisions } from './model/decisions.ts'
import type { Plan } from './plan.ts'
import {
  type ControlPlaneOptions,
  deployTimeoutMs,
  type Judges,
  runWorld,
  type WorldOptions,
} from './world/world.ts'

export interface Result {
  readonly plan: Plan
  /** The earliest first. */
  readonly violations: readonly Violation[]
  readonly history: History
  readonly steps: number
}

export interface RunOptions {
  readonly decisions?: Partial<Decisions> | undefined
  readonly agentBugs?: WorldOptions['agentBugs']
  readonly trace?: ((line: string) => void) | undefined
  /** Others than usual. */
  readonly judges?: Partial<Judges>
  readonly createControlPlane?: (options: ControlPlaneOptions) => Promise<ControlPlane>
}

/** Two sweeps, and those who come in between. */
const slackMs = 5000

/** Lives through a plan and judges it. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Result> {
  const { decisions, agentBugs, trace } = options
  const checkDeadlines = createDeadlineCheck({ deployTimeoutMs, slackMs })
  const judges: Judges = {
    always: (snapshot, { now }) => checkDeadlines(snapshot, now),
    peace: (snapshot, { listContainers, now }) => checkOneToOne(snapshot, listContainers(), now),
    end: (snapshot, { listContainers, listLeftovers, now }) => [
      ...checkOneToOne(snapshot, listContainers(), now),
      ...checkServed(snapshot, now),
      ...checkLeftovers(snapshot, listContainers(), listLeftovers(), now),
    ],
  }
  const { history, violations, steps } = await runWorld({
    plan,
    createControlPlane: options.createControlPlane ?? (async (given) => createModel({ ...given, decisions })),
    judges: { ...judges, ...options.judges },
    agentBugs,
    trace,
  })
  const all = [...violations, ...checkHistory(history)].toSorted((a, b) => a.at - b.at)
  return { plan, violations: all, history, steps }
}
