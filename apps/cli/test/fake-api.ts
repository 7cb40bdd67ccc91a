import {
  api,
  type Container,
  type ContainerStats,
  type Event,
  type ExecOptions,
  type ExecResult,
  GpulabError,
  type Host,
  type HostEvent,
  type LogLine,
  type Volume,
} from '@gpulab/contract'
import { createServe, createServer } from '@gpulab/http'
import type { CreateContainer, CreateVolume } from '@gpulab/contract'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createFakeAccounts, type FakeAccounts, noQuotas, serveAccounts } from './fake-accounts.ts'
import { serveHosts } from './fake-hosts.ts'
import { createFakeSessions, type FakeSessions, serveSessions } from './fake-sessions.ts'
import { serveStats } from './fake-stats.ts'
import { serveVolumes } from './fake-volumes.ts'
import {
  sampleContainer,
  sampleExecResult,
  sampleGpuTypes,
  sampleHost,
  sampleVolume,
  uuidOf,
} from './samples.ts'

export const goodKey = 'gpulab_abc12345_secret'

/** What the next requests find; tests change it. */
export interface FakeState {
  containers: Container[]
  created: CreateContainer[]
  removed: string[]
  /** Deleted by somebody else by the time it is deleted. */
  gone: string[]
  execs: ExecOptions[]
  exec: (options: ExecOptions) => ExecResult | Promise<ExecResult>
  sessions: FakeSessions
  logLines: Omit<LogLine, 'cursor'>[]
  deployLines: string[]
  /** Each is given once; after the last one the container ends. */
  samples: ContainerStats[]
  /** What a container goes through, told as events. */
  statuses: (string | Partial<Container>)[]
  /** All events of the team. */
  teamEvents: Omit<Event, 'cursor'>[]
  hosts: Host[]
  /** Of each of them. */
  hostEvents: HostEvent[]
  /** What a watched host goes through: new fields, its removal, or an end of the stream. */
  hostChanges: (Partial<Host> | 'cut' | 'removed')[]
  volumes: Volume[]
  volumesCreated: CreateVolume[]
  /** New fields of the volume that is looked at next. */
  volumeChanges: Partial<Volume>[]
  /** Their agents do not speak. */
  silent: boolean
  /** "fence gpu-1" */
  hostActions: string[]
  invites: object[]
  /** Idempotency keys that came, with each request again, and what they stand for. */
  keys: (string | undefined)[]
  done: Map<string, { fingerprint: string; uuid: string }>
  accounts: FakeAccounts
  /** The connection is cut each time after so many items of a stream. */
  cutEvery: number
  /** A followed log goes on for ever. */
  endless: boolean
  /** Streams that were opened. */
  streams: number
  /** Thrown by every request of a container. */
  failure: GpulabError | undefined
}

export interface FakeApi {
  readonly url: string
  readonly state: FakeState
  readonly env: Readonly<Record<string, string>>
  /** Cuts all connections. */
  cut(): void
  close(): Promise<void>
}

/** A server of the real contract with its state in memory. */
export async function startFakeApi(overrides: Partial<FakeState> = {}): Promise<FakeApi> {
  const state: FakeState = {
    containers: [sampleContainer()],
    created: [],
    removed: [],
    gone: [],
    execs: [],
    exec: () => sampleExecResult(),
    sessions: createFakeSessions(),
    logLines: [],
    deployLines: [],
    samples: [],
    statuses: [],
    teamEvents: [],
    hosts: [sampleHost()],
    hostEvents: [],
    hostChanges: [],
    volumes: [sampleVolume()],
    volumesCreated: [],
    volumeChanges: [],
    silent: false,
    hostActions: [],
    invites: [],
    keys: [],
    done: new Map(),
    accounts: createFakeAccounts(),
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
    streams: 0,
    failure: undefined,
    ...overrides,
  }
  const app = createServer({ logger: false })
  const serve = createServe(app, async ({ headers, method }): Promise<Caller> => {
    if (headers['api-key'] !== goodKey) throw new GpulabError('api_key_invalid')
    const key = headers['idempotency-key']?.toString()
    if (method === 'POST') state.keys.push(key)
    return { key }
  })
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }

  serveLists(serve, state)
  serveContainers(serve, state)
  serveStreams(serve, state, cut)
  serveHosts(serve, state)
  serveAccounts(serve, state.accounts)
  serveVolumes(serve, state)
  serveSessions(serve, state, (uuid) => findContainer(state, uuid))
  serveStats(serve, state, { findContainer, cut })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    state,
    env: { GPULAB_API_URL: url, GPULAB_API_KEY: goodKey },
    cut,
    close: () => app.close(),
  }
}

interface Caller {
  readonly key: string | undefined
}
export type ServeFake = ReturnType<typeof createServe<Caller>>

function serveLists(serve: ServeFake, state: FakeState): void {
  serve(api.account.get, async () => ({
    user: { uuid: uuidOf('aaaaaaaa'), email: 'user@example.com', role: 'owner', administrator: false },
    team: { uuid: uuidOf('bbbbbbbb'), name: 'MyTeam' },
    api_key: { id: 'abc12345', name: 'laptop', scopes: ['read'], expires_at: null },
    quotas: { ...noQuotas, gpus: 8, volume_bytes: 200 * 2 ** 30 },
    used: { gpus: 2, containers: 3, volumes: 1, volume_bytes: 100 * 2 ** 30 },
    billing: state.accounts.billing,
  }))
  serve(api.templates.list, async ({ query }) => ({
    items: state.accounts.templates.filter(({ type }) => query.type === undefined || type === query.type),
    next_cursor: null,
  }))
  serve(api.gpus.listTypes, async () => ({ items: sampleGpuTypes, next_cursor: null }))
  // Two a page, so that every list is read to its end.
  serve(api.containers.list, async ({ query }) => {
    if (state.failure) throw state.failure
    const wanted = state.containers.filter(
      ({ name, status }) =>
        (query.name === undefined || name === query.name) &&
        (query.status === undefined || status === query.status),
    )
    const from = Number(query.cursor ?? 0)
    const next = from + 2
    return { items: wanted.slice(from, next), next_cursor: next < wanted.length ? String(next) : null }
  })
}

function findContainer(state: FakeState, reference: string): Container {
  if (state.failure) throw state.failure
  const found = state.containers.find(({ uuid, name }) => uuid === reference || name === reference)
  if (!found) throw new GpulabError('container_not_found')
  return found
}

/** As the contract says of `idempotency: 'replay'`. */
function replay(state: FakeState, { key }: Caller, fingerprint: string, act: () => Container): Container {
  const earlier = key === undefined ? undefined : state.done.get(key)
  if (earlier && earlier.fingerprint !== fingerprint) throw new GpulabError('idempotency_key_reused')
  if (earlier) return findContainer(state, earlier.uuid)
  const container = act()
  if (key !== undefined) state.done.set(key, { fingerprint, uuid: container.uuid })
  return container
}

function serveContainers(serve: ServeFake, state: FakeState): void {
  serve(api.containers.get, async ({ params }) => findContainer(state, params.uuid))
  serve(api.containers.create, async ({ body }, { principal }) => {
    if (state.failure) throw state.failure
    if (body.volumes.length > 0) throw new GpulabError('not_available')
    return replay(state, principal, `create ${JSON.stringify(body)}`, () => {
      const present = state.containers.find(({ name }) => name === body.name)
      if (present && body.if_exists === 'adopt') return present
      if (present && body.if_exists === 'fail') throw new GpulabError('container_name_taken')
      state.created.push(body)
      const container = sampleContainer({
        uuid: uuidOf(`77b01d0${state.created.length - 1}`),
        name: body.name ?? 'made-up',
        status: body.queue ? 'queued' : 'deploying',
        queue: body.queue ? { position: 2, reason: 'No NVIDIA A100 is free.' } : null,
        since: new Date().toISOString(),
        uptime: null,
      })
      state.containers = [container, ...state.containers]
      return container
    })
  })
  const passing = {
    stop: 'stopping',
    start: 'starting',
    restart: 'restarting',
    redeploy: 'deploying',
  } as const
  for (const action of ['stop', 'start', 'restart', 'redeploy'] as const) {
    serve(api.containers[action], async ({ params }, { principal }) =>
      replay(state, principal, `${action} ${params.uuid}`, () => {
        const container = findContainer(state, params.uuid)
        return Object.assign(container, { status: passing[action], since: new Date().toISOString() })
      }),
    )
  }
  serve(api.containers.remove, async ({ params }) => {
    if (state.gone.includes(params.uuid)) throw new GpulabError('container_not_found')
    state.removed.push(findContainer(state, params.uuid).name)
  })
  serve(api.exec.run, async ({ params, body }) => {
    findContainer(state, params.uuid)
    state.execs.push(body)
    return state.exec(body)
  })
}

function serveStreams(serve: ServeFake, state: FakeState, cut: () => void): void {
  /** Items after the cursor, with a cut of all connections now and then. */
  async function* stream<T extends { cursor: string }>(items: readonly T[], cursor = '-1') {
    state.streams++
    const rest = items.slice(Number(cursor) + 1)
    for (const [index, item] of rest.entries()) {
      if (index === state.cutEvery) {
        // What was yielded is on its way before the connection goes.
        await setImmediate()
        await setImmediate()
        cut()
        return
      }
      yield item
    }
  }
  serve(api.logs.read, async ({ params, query }, { signal }) => {
    findContainer(state, params.uuid)
    const lines = state.logLines
      .map((line, index) => ({ ...line, cursor: String(index) }))
      .filter(({ stream: name }) => query.stream === undefined || name === query.stream)
    return (async function* () {
      yield* stream(lines, query.cursor)
      if (query.follow && state.endless && !signal.aborted) await once(signal, 'abort')
    })()
  })
  serve(api.logs.deploy, async ({ params, query }) => {
    findContainer(state, params.uuid)
    const lines = state.deployLines.map((line, index) => ({
      ts: '2026-03-01T10:00:00.000Z',
      line,
      cursor: String(index),
    }))
    return stream(lines, query.cursor)
  })
  serve(api.events.ofContainer, async ({ params, query }, { signal }) => {
    const container = findContainer(state, params.uuid)
    return followStatuses(container, query, signal)
  })

  async function* followStatuses(
    container: Container,
    { cursor, follow }: { cursor?: string | undefined; follow: boolean },
    signal: AbortSignal,
  ) {
    const steps = state.statuses.map((step) => (typeof step === 'string' ? { status: step } : step))
    const events = steps.map(({ status = '' }, index): Event => ({
      cursor: String(index),
      at: new Date().toISOString(),
      container_uuid: container.uuid,
      type: 'status',
      status,
      reason: null,
      message: `is ${status}`,
    }))
    for await (const event of stream(events, cursor)) {
      if (event.status === 'failed') {
        container.status_reason = { code: 'image_not_found', message: 'The image does not exist.' }
      }
      Object.assign(container, { queue: null }, steps[Number(event.cursor)])
      yield event
      if (event.status === 'deleted') return
    }
    if (follow && !signal.aborted) await once(signal, 'abort')
  }
  serve(api.events.ofTeam, async ({ query }, { signal }) => {
    const events = state.teamEvents
      .map((event, index) => ({ ...event, cursor: String(index) }))
      .filter(({ type }) => query.type === undefined || type === query.type)
    return (async function* () {
      yield* stream(events, query.cursor)
      if (query.follow && state.endless && !signal.aborted) await once(signal, 'abort')
    })()
  })
}
