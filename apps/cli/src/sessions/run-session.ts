import { type CreateSession, GpulabError, type Session } from '@gpulab/contract'
import { loadWebSockets } from '@gpulab/transport/http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import { randomUuid } from '../random-uuid.ts'
import type { Ending } from './ending.ts'
import { Retries } from './retries.ts'
import { SessionClient, type SessionIo } from './session-client.ts'

export type SessionsApi = { readonly sessions: ApiClient['sessions'] }

/** As a caller gives it, before defaults. */
export type NewSession = Partial<CreateSession>

/** A guest may have to be started first. */
const createMs = 90_000
/** An agent or an API that is started again takes less. */
const openMs = 60_000

export interface RunOptions extends SessionIo {
  /** Once it exists; what is given can send signals and sizes. */
  readonly onStart?: (client: SessionClient, session: Session) => void
}

/** Starts a program in a container and stays with it to its end. The signal leaves it; it goes on then. */
export async function runSession(
  api: SessionsApi,
  container: string,
  create: NewSession,
  { onStart, ...io }: RunOptions,
): Promise<Ending> {
  const session = await createSession(api, container, create, io.signal)
  const client = new SessionClient(api, { uuid: container, id: session.id }, io, { isNew: true })
  onStart?.(client, session)
  return client.run()
}

/** While it is open whether it was started, it asks again, with one key, so that none is started twice. */
export async function createSession(
  api: SessionsApi,
  uuid: string,
  create: NewSession,
  signal?: AbortSignal,
): Promise<Session> {
  const idempotencyKey = randomUuid()
  const options = { idempotencyKey, timeoutMs: createMs, ...(signal && { signal }) }
  const retries = new Retries(openMs, () => performance.now())
  for (;;) {
    const creating = api.sessions.create({ params: { uuid }, body: create }, options)
    // For attaching to it, meanwhile.
    if (!create.detached) void loadWebSockets()
    try {
      return await creating
    } catch (error) {
      signal?.throwIfAborted()
      const delayMs = isOpen(error) ? retries.failed() : undefined
      if (delayMs === undefined) throw error
      await delay(delayMs, undefined, { ...(signal && { signal }) }).catch(() => signal?.throwIfAborted())
    }
  }
}

const isOpen = (error: unknown): boolean =>
  error instanceof GpulabError && (error.code === 'exec_outcome_unknown' || error.code === 'outcome_unknown')
