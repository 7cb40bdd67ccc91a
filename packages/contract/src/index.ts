export {
  hasRole,
  type KeyScope,
  keyScopes,
  requirementOf,
  type Requirement,
  type Role,
  roles,
} from './access.ts'
export {
  agent,
  control,
  laneHeader,
  lanePath,
  laneProtocol,
  uplinkPath,
  uplinkProtocol,
} from './agent/index.ts'
export type {
  ContainerFacts,
  DeployLog,
  Heartbeat,
  Hello,
  HostCheck,
  HostGpu,
  HostVolumes,
  Report,
  VolumeFacts,
  VolumeReport,
} from './agent/report.ts'
export { heartbeatSeconds } from './agent/report.ts'
export type { Target, TargetAnswer, TargetContainer, TargetVolume } from './agent/target.ts'
export { targetWaitSeconds } from './agent/target.ts'
export { api } from './api/index.ts'
export { hotApi } from './api/hot.ts'
export { gateway, type Route, uplinkSilenceSeconds, UplinkUrl } from './gateway/index.ts'
export { type Account, groupings, type Usage } from './api/account.ts'
export type { AuditEntry } from './api/admin/audit.ts'
export type { Credit } from './api/admin/credits.ts'
export type { Quotas, Team } from './api/admin/teams.ts'
export type { User } from './api/admin/users.ts'
export type { ApiKey, NewApiKey } from './api/api-keys.ts'
export { type Container, type CreateContainer, type ExitReason, type Status } from './api/containers.ts'
export { statuses } from './statuses.ts'
export type { Event } from './api/events.ts'
export { type Host, hostStates, type HostEvent, type HostSummary, type JoinToken } from './api/hosts.ts'
export { challengeSeconds, toProofText } from './agent/join.ts'
export { type ExecOptions, type ExecResult, outputMaxBytes } from './api/exec.ts'
export type { GpuType } from './api/gpus.ts'
export type { DeployLogLine, LogLine, LogQuery } from './api/logs.ts'
export { logTailMax } from './api/logs.ts'
export {
  ackEveryBytes,
  type AttachQuery,
  type CreateSession,
  inputWindowBytes,
  OpenSession,
  type Session,
  SessionOpened,
  type SessionOutput,
  sessionReasons,
  type SessionSignal,
  sessionSignals,
  sessionWaitMaxSeconds,
} from './api/sessions.ts'
export { OpenHostSession } from './agent/sessions.ts'
export type { RegistryLogin } from './api/registries.ts'
export type { SshKey } from './api/ssh-keys.ts'
export type { ContainerStats, GpuStats } from './api/stats.ts'
export type { CreateTemplate, Template, UpdateTemplate } from './api/templates.ts'
export { entriesMax, type FileEntry } from './api/volume-files.ts'
export { type CreateVolume, type Volume, volumeStatuses } from './api/volumes.ts'
export {
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  pathOf,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from './client.ts'
export {
  bytes,
  type CallInput,
  type CallResult,
  type Contract,
  duplex,
  empty,
  type Endpoint,
  endpoint,
  events,
  type FileAnswer,
  type HandlerInput,
  type HandlerResult,
  isBytesBody,
  json,
  listEndpoints,
  type RateClass,
  type Scope,
} from './endpoint.ts'
export {
  type ErrorCode,
  ErrorEnvelope,
  errorTable,
  GpulabError,
  isErrorCode,
  isRepeatable,
  lookFirst,
  toGpulabError,
} from './errors.ts'
export {
  type Channel,
  Control,
  decodeMessage,
  encodeFrameHeader,
  type Frame,
  FrameDecoder,
  FrameTracker,
  framePayloadMaxBytes,
  framesProtocol,
  frameType,
  parseControl,
  parseJson,
  takeFrame,
  toChannelFailure,
  toControlFrame,
  toJsonFrame,
} from './frames.ts'
export { type PortMode, type RestartPolicy, Uuid, type VolumeDriver, volumeDrivers } from './fields.ts'
export { describeSize } from './describe-size.ts'
export { readLines } from './lines.ts'
export { toExitSignal } from './exit-signal.ts'
export { type EndedRun, isGoodRun, willRestart } from './restart-policy.ts'
