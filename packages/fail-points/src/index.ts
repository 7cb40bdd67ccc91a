export {
  createFailPoints,
  type FailPoint,
  type FailPointHit,
  failPointsVariable,
  type Moments,
  momentsOf,
} from './fail-points.ts'
export {
  type AgentStep,
  agentSteps,
  failPointNames,
  type FailPointName,
  type Operation,
  operations,
} from './names.ts'
