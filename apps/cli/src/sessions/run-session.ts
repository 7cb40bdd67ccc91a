import type { CreateSession, Session } from '@gpulab/contract'
import type { ApiClient } from '../api-client.ts'
import type { Ending } from './ending.ts'
import { SessionClient, type SessionIo } from './session-client.ts'

export type SessionsApi = { readonly sessions: ApiClient['sessions'] }

/** As a caller gives it, before defaults. */
export type NewSession = Partial<CreateSession>

/** A guest may have to be started first. */
const createMs = 90_000

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

/** The transport repeats the request with one idempotency key, so that it starts no second one. */
export const createSession = (
  api: SessionsApi,
  uuid: string,
  create: NewSession,
  signal?: AbortSignal,
): Promise<Session> =>
  api.sessions.create({ params: { uuid }, body: create }, { timeoutMs: createMs, ...(signal && { signal }) })
