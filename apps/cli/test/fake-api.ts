import {
  api,
  type Container,
  type Event,
  type ExecOptions,
  type ExecResult,
  GpulabError,
  type LogLine,
} from '@gpulab/contract'
import { createServe, createServer } from '@gpulab/http'
import type { CreateContainer } from '@gpulab/contract'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { sampleContainer, sampleExecResult, sampleGpuTypes, sampleTemplates, uuidOf } from './samples.ts'

export const goodKey = 'gpulab_abc12345_secret'

/** What the next requests find; tests change it. */
export interface FakeState {
  containers: Container[]
  created: CreateContainer[]
  removed: string[]
  execs: ExecOptions[]
  exec: (options: ExecOptions) => ExecResult | Promise<ExecResult>
  logLines: Omit<LogLine, 'cursor'>[]
  deployLines: string[]
  /** Statuses that a container goes through, told as events. */
  statuses: string[]
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
    execs: [],
    exec: () => sampleExecResult(),
    logLines: [],
    deployLines: [],
    statuses: [],
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
    streams: 0,
    failure: undefined,
    ...overrides,
  }
  const app = createServer({ logger: false })
  const serve = createServe(app, async ({ headers }) => {
    if (headers['api-key'] !== goodKey) throw new GpulabError('api_key_invalid')
    return {}
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
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    state,
    env: { GPULAB_API_URL: url, GPULAB_API_KEY: goodKey },
    cut,
    close: () => app.close(),
  }
}

type ServeFake = ReturnType<typeof createServe<object>>

function serveLists(serve: ServeFake, state: FakeState): void {
  serve(api.account.get, async () => ({
    user: { uuid: uuidOf('aaaaaaaa'), email: 'user@example.com' },
    team: { uuid: uuidOf('bbbbbbbb'), name: 'MyTeam' },
    api_key: { id: 'abc12345', name: 'laptop', scopes: ['read'], expires_at: null },
  }))
  serve(api.templates.list, async ({ query }) => ({
    items: sampleTemplates.filter(({ type }) => query.type === undefined || type === query.type),
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

function findContainer(state: FakeState, uuid: string): Container {
  if (state.failure) throw state.failure
  const found = state.containers.find((container) => container.uuid === uuid)
  if (!found) throw new GpulabError('container_not_found')
  return found
}

function serveContainers(serve: ServeFake, state: FakeState): void {
  serve(api.containers.get, async ({ params }) => findContainer(state, params.uuid))
  serve(api.containers.create, async ({ body }) => {
    if (state.failure) throw state.failure
    if (body.volumes.length > 0) throw new GpulabError('not_available')
    state.created.push(body)
    const container = sampleContainer({
      uuid: uuidOf('77b01d00'),
      name: body.name ?? 'made-up',
      status: 'deploying',
      since: new Date().toISOString(),
      uptime: null,
    })
    state.containers = [container, ...state.containers]
    return container
  })
  for (const action of ['stop', 'start', 'restart'] as const) {
    const passing = { stop: 'stopping', start: 'starting', restart: 'restarting' }[action]
    serve(api.containers[action], async ({ params }) => {
      const container = findContainer(state, params.uuid)
      return Object.assign(container, { status: passing, since: new Date().toISOString() })
    })
  }
  serve(api.containers.remove, async ({ params }) => {
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
    return followStatuses(container, query.cursor, signal)
  })

  async function* followStatuses(container: Container, cursor: string | undefined, signal: AbortSignal) {
    const events = state.statuses.map((status, index): Event => ({
      cursor: String(index),
      at: new Date().toISOString(),
      container_uuid: container.uuid,
      type: 'status',
      status,
      reason: null,
      message: `is ${status}`,
    }))
    for await (const event of stream(events, cursor)) {
      container.status = event.status ?? container.status
      if (event.status === 'failed') {
        container.status_reason = { code: 'image_not_found', message: 'The image does not exist.' }
      }
      yield event
    }
    if (!signal.aborted) await once(signal, 'abort')
  }
}
