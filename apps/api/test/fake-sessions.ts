import {
  agent,
  type AttachQuery,
  type Channel,
  GpulabError,
  type HandlerInput,
  OpenHostSession,
  parseJson,
  type Session,
  takeFrame,
  toJsonFrame,
} from '@gpulab/contract'
import type { Serve } from '@gpulab/http'

/** The sessions of a fake host: what it was asked for, and what a test makes of it. */
export class FakeSessions {
  readonly calls: { readonly name: string; readonly input: unknown }[] = []
  readonly known = new Map<string, Session>()
  /** Whether they can be started over the connection that is attached to them. */
  canOpen = true
  onCreate: () => Promise<void> = async () => {}
  onAttach: (channel: Channel, query: AttachQuery, signal: AbortSignal) => Promise<void> = async () => {}

  serve(serve: Serve<unknown>): void {
    const note = (name: string, input: unknown): void => void this.calls.push({ name, input })
    const get = (id: string): Session => {
      const session = this.known.get(id)
      if (!session) throw new GpulabError('session_not_found')
      return session
    }
    const create = async (input: HandlerInput<typeof agent.sessions.create>): Promise<Session> => {
      note('create', input)
      const { id, command, tty, stdin, detached, user = null } = input.body
      this.known.set(id, {
        ...sample,
        id,
        container_uuid: input.params.uuid,
        command: command === undefined ? null : [command].flat(),
        tty: tty !== null,
        stdin,
        detached,
        user,
      })
      await this.onCreate()
      return get(id)
    }
    serve(agent.sessions.create, create)
    serve(agent.sessions.open, async ({ params }, { signal }, open) => {
      if (!this.canOpen) throw new GpulabError('route_not_found')
      const { frame, rest } = await takeFrame(await open())
      if (!frame) return
      const { session: body } = OpenHostSession.parse(parseJson(frame))
      await rest.send(toJsonFrame({ type: 'opened', session: await create({ params, body }) }))
      await this.onAttach(rest, { offset: 0, acks: true }, signal)
    })
    serve(agent.sessions.list, async ({ params }) => ({
      items: [...this.known.values()].filter((session) => session.container_uuid === params.uuid),
      next_cursor: null,
    }))
    serve(agent.sessions.get, async (input) => {
      note('get', input)
      return get(input.params.id)
    })
    serve(agent.sessions.signal, async (input) => {
      note('signal', input)
      return get(input.params.id)
    })
    serve(agent.sessions.kill, async (input) => {
      note('kill', input)
      return { ...get(input.params.id), state: 'ended' as const, reason: 'killed' }
    })
    serve(agent.sessions.output, async (input) => {
      note('output', input)
      get(input.params.id)
      return toAsync([{ offset: 0, stream: 'stdout' as const, data: 'YQ==', gap: null }])
    })
    serve(agent.sessions.attach, async ({ params, query }, { signal }, open) => {
      get(params.id)
      await this.onAttach(await open(), query, signal)
    })
  }
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

const sample: Session = {
  id: '',
  container_uuid: '',
  command: null,
  tty: false,
  stdin: false,
  detached: false,
  user: null,
  state: 'running',
  started_at: '2026-01-01T00:00:00.000Z',
  ended_at: null,
  exit_code: null,
  signal: null,
  reason: null,
  message: null,
  first_offset: 0,
  end_offset: 0,
  attached: false,
  transport: 'guest',
}
