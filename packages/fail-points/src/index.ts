export { createFailPoints, type FailPoint, type FailPointHit, failPointsVariable } from './fail-points.ts'
export {
  type AgentStep,
  agentSteps,
  failPointNames,
  type FailPointName,
  type Operation,
  operations,
} from './names.ts'
