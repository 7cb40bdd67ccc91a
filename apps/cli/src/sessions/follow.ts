import { GpulabError, type Session } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import { orAbort } from '@gpulab/transport/or-abort'
import { referTo } from '../containers/kind.ts'
import type { HotContext } from '../context.ts'
import type { Ending } from './ending.ts'
import type { NewSession } from './open-at-once.ts'
import { type OpenedSession, openSession } from './run-session.ts'
import { Detached, Ended, Left } from './leaving.ts'
import { ReaderGone } from './standard-streams.ts'

/** As a shell tells of a program whose reader is gone. */
const pipeExitCode = 141
const killMs = 3000

/** How it came to its end here: with the session's own, or by leaving it. */
export type Followed = { readonly ending: Ending } | { readonly exitCode: number }

/**
 * Starts a session and follows it. Whoever leaves takes it along: a program that nobody reads is not left behind in the
 * container. One that is only out of reach goes on.
 */
export async function startAndFollow(
  context: HotContext,
  reference: string,
  create: NewSession,
  follow: (opened: OpenedSession) => Promise<Ending>,
): Promise<Followed> {
  // Not ended by the signal: what was made by then has to be known, to be killed.
  const starting = openSession(context.api, referTo(context, reference), create)
  let session: Session | undefined
  try {
    const opened = await orAbort(starting, context.signal)
    session = opened.session
    return { ending: await follow(opened) }
  } catch (error) {
    if (session && error instanceof Detached) {
      context.output.note(`The session goes on: ${wayBack(session)} takes it back.`)
      return { exitCode: 0 }
    }
    if (session && isOutOfReach(error)) throw withWayBack(error, session)
    await Promise.race([kill(context, starting), delay(killMs, undefined, { ref: false })])
    return toFollowed(error)
  }
}

/** What is left with an exit code, and not with a message. */
export function toFollowed(error: unknown): Followed {
  if (error instanceof ReaderGone) return { exitCode: pipeExitCode }
  if (error instanceof Ended) return { exitCode: error.exitCode }
  if (error instanceof Left) return { exitCode: new GpulabError('interrupted').exitCode }
  throw error
}

const isOutOfReach = (error: unknown): error is GpulabError =>
  error instanceof GpulabError && (error.retryable || error.code === 'session_taken_over')

const wayBack = ({ id, container_uuid: uuid }: Session): string =>
  `gpulab sessions attach ${uuid.slice(0, 8)} ${id.slice(0, 8)}`

const withWayBack = (error: GpulabError, session: Session): GpulabError =>
  new GpulabError(error.code, {
    message: error.message,
    hint: `The session goes on: ${wayBack(session)} takes it back.`,
    details: { ...error.details, session_id: session.id },
    cause: error,
  })

/** As far as that can be done now. */
async function kill({ api }: HotContext, starting: Promise<OpenedSession>): Promise<void> {
  try {
    const { session, channel } = await starting
    channel?.destroy()
    const { container_uuid: uuid, id } = session
    await api.sessions.kill({ params: { uuid, id } }, { timeoutMs: killMs })
  } catch {
    // It was never started, or can't be reached.
  }
}
