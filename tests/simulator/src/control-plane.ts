import type { CreateContainer, Heartbeat, Hello, Report, Target } from '@gpulab/contract'
import type { Facts, Intent, StatusView } from '../../../apps/api/src/containers/status.ts'

/** What users and operators may ask for. */
export type Request =
  | { readonly do: 'create'; readonly input: CreateContainer }
  | { readonly do: ContainerVerb; readonly uuid: string }
  | { readonly do: HostVerb; readonly uuid: string }
export type ContainerVerb = 'stop' | 'start' | 'restart' | 'redeploy' | 'remove'
export type HostVerb = 'cordon' | 'uncordon' | 'drain' | 'fence'

/** What a user is told of a container. */
export interface Shown {
  readonly uuid: string
  readonly name: string
  readonly status: string
  readonly reason: string | null
  readonly generation: number
  readonly gpus: readonly string[]
}

/** All that the control plane does: once as a model in memory, once as the real services on a real PostgreSQL. */
export interface ControlPlane {
  /** Null where there is nothing to show. Carried out once for each key. */
  request(key: string, request: Request): Promise<Shown | null>
  /** `session` counts the proofs of the host's key: each run of its agent begins with one. */
  hello(hostUuid: string, hello: Hello, session: number): Promise<void>
  report(hostUuid: string, report: Report): Promise<void>
  heartbeat(hostUuid: string, heartbeat: Heartbeat): Promise<void>
  target(hostUuid: string): Promise<Target>
  hosts(): Promise<readonly HostState[]>
  /** What time alone brings about, once. */
  sweep(): Promise<void>
  snapshot(): Promise<Snapshot>
}

/** Times are milliseconds since the epoch. */
export interface Snapshot {
  /** Deleted ones included. */
  readonly containers: readonly ContainerState[]
  readonly leases: readonly LeaseState[]
  readonly hosts: readonly HostState[]
  /** What each host could hold if nothing were there. */
  readonly capacities: readonly Capacity[]
  /** Statuses that users were told, in order. */
  readonly events: readonly EventState[]
  /** What operators have done to hosts, in order. */
  readonly hostEvents: readonly { readonly hostUuid: string; readonly at: number; readonly type: string }[]
}

export interface ContainerState extends Intent {
  readonly uuid: string
  readonly name: string
  /** The request's own mark: its last argument. */
  readonly mark: string
  readonly status: StatusView
  readonly gpuTypes: readonly string[]
  readonly gpuCount: number
  readonly memoryBytes: number
  readonly holds: boolean
  readonly createdAt: number
  readonly queuedAt: number | null
  readonly deadlineAt: number | null
  readonly deletedAt: number | null
  readonly announcedStatus: string
  readonly facts: Facts | null
}

export interface LeaseState {
  readonly gpuUuid: string
  readonly containerUuid: string
  readonly generation: number
  readonly leasedAt: number
  readonly releasedAt: number | null
  readonly releasedBy: string | null
}

export interface HostState {
  readonly uuid: string
  readonly name: string
  readonly state: string
  readonly bootId: string | null
  readonly reportSeq: number
  readonly reportedVersion: number
  readonly targetVersion: number
  readonly lastSeenAt: number | null
  readonly foreign: readonly string[]
}

export interface Capacity {
  readonly hostUuid: string
  readonly cards: readonly { readonly uuid: string; readonly name: string }[]
  readonly memoryBytes: number
}

export interface EventState {
  readonly containerUuid: string
  readonly at: number
  readonly status: string
  readonly reason: string | null
}
