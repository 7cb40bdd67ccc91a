import { agent, type AttachQuery, type Channel, GpulabError, type Session } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'

/** The sessions of a fake host: what it was asked for, and what a test makes of it. */
export class FakeSessions {
  readonly calls: { readonly name: string; readonly input: unknown }[] = []
  readonly known = new Map<string, Session>()
  onCreate: () => Promise<void> = async () => {}
  onAttach: (channel: Channel, query: AttachQuery, signal: AbortSignal) => Promise<void> = async () => {}

  serve(serve: Serve<unknown>): void {
    const note = (name: string, input: unknown): void => void this.calls.push({ name, input })
    const get = (id: string): Session => {
      const session = this.known.get(id)
      if (!session) throw new GpulabError('session_not_found')
      return session
    }
    serve(agent.sessions.create, async (input) => {
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
