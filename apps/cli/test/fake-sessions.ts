import {
  api,
  type CreateSession,
  GpulabError,
  OpenSession,
  parseJson,
  type Session,
  takeFrame,
  toJsonFrame,
} from '@gpulab/contract'
import type { FakeState, ServeFake } from './fake-api.ts'
import { exitOf, type FakeProgram, FakeSession } from './fake-session.ts'
import { uuidOf } from './samples.ts'

export interface FakeSessions {
  created: CreateSession[]
  killed: string[]
  all: {
    readonly key: string | undefined
    readonly id: string
    readonly request: CreateSession
    readonly session: FakeSession
  }[]
  /** What the next requests to start one fail with, after it was started. */
  failures: GpulabError[]
  /** What becomes of connections that start one: `cut` before they are told so. */
  opening: 'served' | 'cut' | 'unknown'
  program: (request: CreateSession) => FakeProgram
}

/** Writes a text and ends. */
export const printing = (text: string, exitCode = 0): FakeProgram => ({
  start: (session) => {
    session.write('stdout', Buffer.from(text))
    session.finish(exitOf(exitCode))
  },
})

export const createFakeSessions = (): FakeSessions => ({
  created: [],
  killed: [],
  all: [],
  failures: [],
  opening: 'served',
  program: () => printing(''),
})

export function serveSessions(
  serve: ServeFake,
  state: FakeState,
  findContainer: (uuid: string) => { uuid: string },
): void {
  const find = ({ uuid, id }: { uuid?: string; id: string }) => {
    if (uuid !== undefined) findContainer(uuid)
    const found = state.sessions.all.find((each) => each.id === id)
    if (!found) throw new GpulabError('session_not_found')
    return found
  }
  const view = (uuid: string, { id, request, session }: FakeSessions['all'][number]): Session => ({
    id,
    container_uuid: uuid,
    command: request.command === undefined ? null : [request.command].flat(),
    tty: request.tty !== null,
    stdin: request.stdin,
    detached: request.detached,
    user: request.user ?? null,
    state: session.exit ? 'ended' : 'running',
    started_at: new Date().toISOString(),
    ended_at: session.exit ? new Date().toISOString() : null,
    exit_code: session.exit?.exit_code ?? null,
    signal: session.exit?.signal ?? null,
    reason: session.exit?.reason ?? null,
    message: session.exit?.message ?? null,
    first_offset: 0,
    end_offset: session.end,
    attached: false,
    transport: 'guest',
  })
  const start = (uuid: string, body: CreateSession, key: string | undefined): Session => {
    const known = state.sessions.all.find((each) => key !== undefined && each.key === key)
    const failure = state.sessions.failures.shift()
    if (known) {
      if (failure) throw failure
      return view(uuid, known)
    }
    state.sessions.created.push(body)
    const made = {
      key,
      id: uuidOf(`5e55000${state.sessions.all.length}`),
      request: body,
      session: new FakeSession(state.sessions.program(body)),
    }
    state.sessions.all.push(made)
    if (failure) throw failure
    return view(uuid, made)
  }
  serve(api.sessions.create, async ({ params, body }, { principal: { key } }) =>
    start(findContainer(params.uuid).uuid, body, key),
  )
  serve(api.sessions.open, async ({ params }, _context, open) => {
    if (state.sessions.opening === 'unknown') throw new GpulabError('route_not_found')
    const { frame, rest } = await takeFrame(await open())
    if (!frame) return
    const { session: body, idempotency_key: key } = OpenSession.parse(parseJson(frame))
    const session = start(findContainer(params.container).uuid, body, key)
    if (state.sessions.opening === 'cut') return rest.destroy()
    await rest.send(toJsonFrame({ type: 'opened', session }))
    await find(session).session.serve(rest, { offset: 0 })
  })
  serve(api.sessions.list, async ({ params }) => {
    const { uuid } = findContainer(params.uuid)
    return { items: state.sessions.all.map((each) => view(uuid, each)), next_cursor: null }
  })
  serve(api.sessions.get, async ({ params }) => view(params.uuid, find(params)))
  serve(api.sessions.kill, async ({ params }) => {
    const found = find(params)
    state.sessions.killed.push(found.id)
    if (!found.session.exit) found.session.finish(exitOf(137, { reason: 'killed' }))
    return view(params.uuid, found)
  })
  serve(api.sessions.output, async ({ params, query }) => {
    const { session } = find(params)
    return session.read(query.offset)
  })
  serve(api.sessions.attach, async ({ params, query }, _context, open) => {
    const { session } = find(params)
    await session.serve(await open(), query)
  })
}
