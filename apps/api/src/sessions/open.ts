import {
  api,
  type Channel,
  Control,
  type CreateSession,
  type Frame,
  GpulabError,
  OpenSession,
  parseJson,
  type Session,
  SessionOpened,
  takeFrame,
  toChannelFailure,
  toJsonFrame,
} from '@gpulab/contract'
import type { Context } from '@gpulab/http'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Principal } from '../auth/authenticate.ts'
import { getRecordOf, requireRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { hasSessionLimit } from '../quotas/claim-session.ts'
import { attachToSession, serveClient } from './attach.ts'
import { createMs, createSession, replaySession, type SessionParams, startByRequest } from './service.ts'

type Parts = Pick<Deps, 'audit' | 'db' | 'clock' | 'uplinks' | 'log'>

/** For the first frame. */
const firstFrameMs = 10_000
const connectMs = 15_000

/**
 * Starts a session and attaches its client to it, over one connection: what else takes two, one after the other. In all
 * else it is as these are.
 */
export async function openSession(
  deps: Parts,
  context: Pick<Context<Principal>, 'principal' | 'requestId' | 'signal'>,
  container: string,
  open: () => Promise<Channel>,
): Promise<void> {
  const { principal, signal } = context
  // While the client is answered and says what it wants. Nothing is done there before a first frame.
  const record = getRecordOf(deps, principal, container)
  const running = record.then((found) => requireRunning(deps, found))
  const hosting = running.then(({ row, host }) => connectHost(deps, host.uuid, row.uuid, signal))
  const limited = hasSessionLimit(deps, principal)
  for (const asked of [hosting, limited]) asked.catch(() => {})
  let host: Channel | undefined
  try {
    const opened = await open().catch(async (error: unknown) => {
      // What is not there is missed first, whoever asks.
      await running
      throw error
    })
    const { frame, rest: client } = await orAbort(takeFrame(opened), AbortSignal.any([signal, late()]))
    if (!frame) return
    const { session: body, idempotency_key: idempotencyKey } = readOpening(frame)
    const { uuid } = (await record).row
    const asked = { params: { uuid }, body }
    const session = await once(
      deps,
      api.sessions.create,
      asked,
      { principal, idempotencyKey },
      {
        run: (_remember, _forget, rememberWith) =>
          createSession(deps, context, uuid, body, {
            signal,
            rememberWith,
            running,
            limited,
            start: async (agent, params) => {
              const channel = await hosting
              if (!channel) return startByRequest(agent, params, body)
              const started = await startOn(channel, params, body)
              host = started.rest
              return started.session
            },
          }),
        replay: (id) => replaySession(deps, principal, { uuid, id }),
        isRarelyRepeated: true,
      },
    )
    await client.send(toJsonFrame({ type: 'opened', session }))
    const end = { open: () => Promise.resolve(client), signal }
    if (host) await serveClient(host, end)
    else await attachToSession(deps, principal, { uuid, id: session.id }, { offset: 0, acks: true }, end)
  } finally {
    hosting.then((channel) => channel?.destroy()).catch(() => {})
  }
}

/** Undefined where that can't be done: a request does without it, or fails with the reason. */
async function connectHost(
  { uplinks }: Parts,
  hostUuid: string,
  uuid: string,
  signal: AbortSignal,
): Promise<Channel | undefined> {
  try {
    return await uplinks.to(hostUuid).sessions.open({ params: { uuid } }, { signal, timeoutMs: connectMs })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof GpulabError) return undefined
    throw error
  }
}

/** From the first byte that is sent, a loss leaves open whether it was started. */
async function startOn(
  channel: Channel,
  { id }: SessionParams,
  body: CreateSession,
): Promise<{ session: Session; rest: Channel }> {
  const asking = channel
    .send(toJsonFrame({ type: 'open', session: { ...body, id } }))
    .then(() => takeFrame(channel))
  const { frame, rest } = await orAbort(asking, AbortSignal.timeout(createMs)).catch((cause: unknown) => {
    throw new GpulabError('host_unreachable', { cause })
  })
  const answer = frame && readJson(frame)
  const opened = SessionOpened.safeParse(answer)
  if (opened.success) return { session: opened.data.session, rest }
  const refusal = Control.safeParse(answer)
  if (refusal.success && refusal.data.type === 'error') throw toChannelFailure(refusal.data)
  throw new GpulabError('host_unreachable')
}

function late(): AbortSignal {
  const controller = new AbortController()
  const message = 'The first frame, which says what to start, did not come.'
  setTimeout(() => controller.abort(new GpulabError('invalid_request', { message })), firstFrameMs).unref()
  return controller.signal
}

function readOpening(frame: Frame): OpenSession {
  const parsed = OpenSession.safeParse(readJson(frame))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new GpulabError('invalid_request', {
    message: `${issue?.path.join('.') || 'The first frame'}: ${issue?.message ?? 'is not what it should be'}`,
  })
}

function readJson(frame: Frame): unknown {
  try {
    return parseJson(frame)
  } catch {
    return undefined
  }
}
