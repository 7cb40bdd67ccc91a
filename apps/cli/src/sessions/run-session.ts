import type { Channel, Session } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerReference } from '../containers/kind.ts'
import { randomUuid } from '../random-uuid.ts'
import type { Ending } from './ending.ts'
import {
  isOutcomeOpen,
  type NewSession,
  openAtOnce,
  type SessionsApi,
  type StartOptions,
} from './open-at-once.ts'
import { Retries } from './retries.ts'
import { SessionClient, type SessionIo } from './session-client.ts'

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
  uuid: string,
  create: NewSession,
  { onStart, ...io }: RunOptions,
): Promise<Ending> {
  const { session, channel } = await openSession(
    api,
    { pathPart: uuid, uuid: async () => uuid },
    create,
    io.signal,
  )
  const client = new SessionClient(api, { uuid, id: session.id }, io, { isNew: true, channel })
  onStart?.(client, session)
  return client.run()
}

/** A session that has been started just now. */
export interface OpenedSession {
  readonly session: Session
  /** That is attached to it; without one, it is to be attached to. */
  readonly channel: Channel | undefined
}

/**
 * Starts a session and attaches to it with one connection, where that can be done; else by a request that starts it, which
 * also finds what an attempt has made that was cut.
 */
export async function openSession(
  api: SessionsApi,
  { pathPart, uuid }: ContainerReference,
  create: NewSession,
  signal?: AbortSignal,
): Promise<OpenedSession> {
  const idempotencyKey = randomUuid()
  const options = { idempotencyKey, timeoutMs: createMs, ...(signal && { signal }) }
  const container = pathPart ?? (await uuid())
  const opened = await openAtOnce(api, { container, create }, options)
  if (opened) return opened
  const wanted = { uuid: pathPart === undefined ? container : await uuid(), create }
  return { session: await requestSession(api, wanted, options), channel: undefined }
}

/** Starts one that nobody attaches to. */
export const createSession = (
  api: SessionsApi,
  uuid: string,
  create: NewSession,
  signal?: AbortSignal,
): Promise<Session> =>
  requestSession(
    api,
    { uuid, create },
    { idempotencyKey: randomUuid(), timeoutMs: createMs, ...(signal && { signal }) },
  )

/** While it is open whether it was started, it asks again, with one key, so that none is started twice. */
async function requestSession(
  api: SessionsApi,
  { uuid, create }: { readonly uuid: string; readonly create: NewSession },
  options: StartOptions,
): Promise<Session> {
  const { signal } = options
  const retries = new Retries(openMs, () => performance.now())
  for (;;) {
    try {
      return await api.sessions.create({ params: { uuid }, body: create }, options)
    } catch (error) {
      signal?.throwIfAborted()
      const delayMs = isOutcomeOpen(error) ? retries.failed() : undefined
      if (delayMs === undefined) throw error
      await delay(delayMs, undefined, { ...(signal && { signal }) }).catch(() => signal?.throwIfAborted())
    }
  }
}
