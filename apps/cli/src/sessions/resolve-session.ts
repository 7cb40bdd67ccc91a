import { GpulabError, type Session } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import type { SessionPlace } from './session-client.ts'

const fullId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const idPrefix = /^[0-9a-f-]{6,35}$/i

/** The session that an id, or a unique beginning of one, means. */
export async function resolveSession(
  context: ApiContext,
  container: string,
  reference: string,
): Promise<SessionPlace> {
  const { api, signal } = context
  const uuid = await resolveContainerUuid(context, container)
  if (fullId.test(reference)) return { uuid, id: reference.toLowerCase() }
  const { items } = await api.sessions.list({ params: { uuid } }, { signal })
  return { uuid, id: chooseSession(reference, items).id }
}

export function chooseSession<T extends Pick<Session, 'id'>>(reference: string, sessions: readonly T[]): T {
  const wanted = reference.replace(/(\.\.\.|…)$/, '').toLowerCase()
  const matches = idPrefix.test(wanted) ? sessions.filter(({ id }) => id.startsWith(wanted)) : []
  const [only] = matches
  if (only && matches.length === 1) return only
  if (!only)
    throw new GpulabError('session_not_found', {
      message: `There is no session "${reference}" in this container.`,
    })
  throw new GpulabError('reference_ambiguous', {
    message: `"${reference}" matches ${matches.length} sessions: ${matches.map(({ id }) => id).join(', ')}.`,
    hint: 'Give the full id.',
    details: { candidates: matches.map(({ id }) => ({ id })) },
  })
}
