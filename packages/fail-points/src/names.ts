/** The agent's steps; as the kinds of `Step` in apps/agent/src/target/plan.ts. */
export const agentSteps = [
  'remove',
  'stop',
  'commit',
  'create',
  'start',
  'restart',
  'rerun',
  'forget',
  'lose',
] as const
export type AgentStep = (typeof agentSteps)[number]

/** What users ask of a container, and what the scheduler does for one that waits in line: `place`. */
export const operations = ['create', 'stop', 'start', 'restart', 'redeploy', 'remove', 'place'] as const
export type Operation = (typeof operations)[number]

/** `before` and `after` what is named in front of them. */
const sides = ['before', 'after'] as const

/**
 * Moments of an operation in the API: everything that it depends on is `read` and locked, everything is `written` but
 * not committed, it is `committed` but not answered.
 */
export const moments = ['read', 'written', 'committed'] as const

export type Moment = (typeof moments)[number]

/**
 * Of a volume: there is room for it, or a folder (`reserved`), which got its name (`placed`); it is about to be `growing`,
 * and has `grown`; it has lost its name, but not yet what is in it (`removing`).
 */
const volumeMoments = ['reserved', 'placed', 'growing', 'grown', 'removing'] as const

export type FailPointName =
  | `agent.volume.${(typeof volumeMoments)[number]}`
  | `agent.${AgentStep | 'report'}.${(typeof sides)[number]}`
  | 'agent.target.received'
  | `api.${Operation}.${Moment}`
  | `api.report.${'written' | 'committed'}`

/** Every place at which a process can be held. */
export const failPointNames: readonly FailPointName[] = [
  'agent.target.received',
  ...[...agentSteps, 'report' as const].flatMap((what) =>
    sides.map((side) => `agent.${what}.${side}` as const),
  ),
  ...volumeMoments.map((moment) => `agent.volume.${moment}` as const),
  ...operations.flatMap((operation) => moments.map((moment) => `api.${operation}.${moment}` as const)),
  'api.report.written',
  'api.report.committed',
]
