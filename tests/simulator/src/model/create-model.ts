import type { ContainerState, ControlPlane, HostState, Snapshot } from '../control-plane.ts'
import type { ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import { applyHeartbeat, applyReport, welcomeHost } from './apply-report.ts'
import { type Decisions, realDecisions } from './decisions.ts'
import { once } from './requests.ts'
import { sweep } from './sweep.ts'
import { createTables, type Host, listCards, type Model } from './tables.ts'
import { readTarget } from './target.ts'

export interface ModelOptions {
  readonly now: () => number
  readonly newUuid: () => string
  /** Hosts that have joined. */
  readonly hosts: readonly { readonly uuid: string; readonly name: string }[]
  readonly pause?: (() => Promise<void>) | undefined
  readonly decisions?: Partial<Decisions> | undefined
}

/** The control plane in memory: the real decisions on tables that are Maps. */
export function createModel({ now, newUuid, hosts, pause, decisions }: ModelOptions): ControlPlane {
  const model: Model = {
    tables: createTables(),
    decide: { ...realDecisions, ...decisions },
    now: () => new Date(now()),
    newUuid,
    pause: pause ?? (() => Promise.resolve()),
  }
  for (const host of hosts) model.tables.hosts.set(host.uuid, toNewHost(host, new Date(now())))
  return {
    request: (key, request) => once(model, key, request),
    hello: async (uuid, hello, session) => welcomeHost(model, uuid, hello, session),
    report: async (uuid, report) => applyReport(model, uuid, report),
    heartbeat: async (uuid, heartbeat) => applyHeartbeat(model, uuid, heartbeat),
    target: async (uuid) => readTarget(model, uuid),
    hosts: async () => [...model.tables.hosts.values()].map(toHostState),
    sweep: () => sweep(model),
    snapshot: async () => toSnapshot(model),
  }
}

const toNewHost = ({ uuid, name }: { uuid: string; name: string }, now: Date) => ({
  uuid,
  name,
  removedAt: null,
  state: 'active' as const,
  stateSince: now,
  bootId: null,
  connects: 0,
  bootConnect: 0,
  lastSeq: 0,
  reportSeq: 0,
  reportedVersion: -1,
  lastSeenAt: null,
  cpus: 0,
  memoryBytes: 0,
  diskBytes: 0,
  images: [],
  deployTimeoutS: 900,
  volumes: [],
  foreignContainers: [],
  engineAvailable: false,
  engineVersion: null,
  engineMessage: null,
  targetVersion: 0,
  requestedCpus: 0,
  requestedMemoryBytes: 0,
  requestedDiskBytes: 0,
  containersCount: 0,
})

function toSnapshot({ tables, decide }: Model): Snapshot {
  return {
    containers: [...tables.containers.values()].map((row) => {
      const facts = tables.facts.get(row.uuid)
      return toContainerState(row, facts ?? null, decide.statusOf(row, facts))
    }),
    // Most who look want to know only some of it.
    get leases() {
      return tables.leases.map((lease) => ({
        ...lease,
        leasedAt: lease.leasedAt.getTime(),
        releasedAt: lease.releasedAt?.getTime() ?? null,
      }))
    },
    get hosts() {
      return [...tables.hosts.values()].map(toHostState)
    },
    get capacities() {
      return [...tables.hosts.values()].map(({ uuid, memoryBytes }) => ({
        hostUuid: uuid,
        cards: listCards(tables, uuid),
        memoryBytes,
      }))
    },
    get events() {
      return tables.events.map((event) => ({ ...event, at: event.at.getTime() }))
    },
    get hostEvents() {
      return tables.hostEvents.map((event) => ({ ...event, at: event.at.getTime() }))
    },
  }
}

const toHostState = (host: Host): HostState => ({
  ...host,
  lastSeenAt: host.lastSeenAt?.getTime() ?? null,
  foreign: host.foreignContainers.map(({ uuid }) => uuid),
})

export const toContainerState = (
  row: ContainerRow,
  facts: ContainerState['facts'],
  status: ContainerState['status'],
): ContainerState => ({
  ...row,
  mark: row.command?.at(-1) ?? '',
  status,
  createdAt: row.createdAt.getTime(),
  queuedAt: row.queuedAt?.getTime() ?? null,
  deadlineAt: row.deadlineAt?.getTime() ?? null,
  deletedAt: row.deletedAt?.getTime() ?? null,
  facts,
})
