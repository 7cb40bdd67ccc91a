import { GpulabError, type Session, sessionWaitMaxSeconds } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { withDeadline } from '../with-deadline.ts'
import { requireExitCode, toEnding } from './ending.ts'
import { describeState } from './list.ts'
import { resolveSession } from './resolve-session.ts'
import { Retries } from './retries.ts'
import type { SessionPlace } from './session-client.ts'

/** Of one request; proxies cut longer ones. */
const waitSeconds = Math.min(50, sessionWaitMaxSeconds)
const answerMarginMs = 15_000
const giveUpMs = 10 * 60_000

/** Waits for its end, whatever becomes of the connection, and gives its exit code. */
export async function waitForSession(
  context: ApiContext,
  container: string,
  reference: string,
  timeoutMs: number | undefined,
): Promise<number> {
  const { output } = context
  const place = await resolveSession(context, container, reference)
  const session = await (timeoutMs === undefined
    ? untilEnded(context, place)
    : withDeadline(context, { timeoutMs, toError: () => timedOut(place, timeoutMs) }, (timed) =>
        untilEnded(timed, place),
      ))
  if (session.message !== null) output.warn(session.message)
  output.render({
    table: () => output.line(`${shortId(session.id)}: ${describeState(session)}`),
    json: session,
    quiet: [session.id],
  })
  return requireExitCode(toEnding(session))
}

async function untilEnded({ api, signal }: ApiContext, params: SessionPlace): Promise<Session> {
  const retries = new Retries(giveUpMs, () => performance.now())
  for (let isFirst = true; ; isFirst = false) {
    try {
      const session = await api.sessions.get(
        { params, query: { wait: waitSeconds } },
        { signal, timeoutMs: waitSeconds * 1000 + answerMarginMs },
      )
      if (session.state === 'ended') return session
      retries.succeeded()
    } catch (error) {
      signal.throwIfAborted()
      const delayMs = retries.failed()
      const mayPass = !isFirst && error instanceof GpulabError && error.retryable
      if (!mayPass || delayMs === undefined) throw error
      await delay(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

const timedOut = ({ uuid, id }: SessionPlace, timeoutMs: number): GpulabError =>
  new GpulabError('wait_timeout', {
    message: `The session did not end within ${timeoutMs / 1000} s.`,
    hint: `It goes on: gpulab sessions attach ${shortId(uuid)} ${shortId(id)} shows what it writes.`,
    details: { session_id: id },
  })
