import {
  type CreateSession,
  GpulabError,
  type Session,
  type SessionOutput,
  type SessionSignal,
} from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { type Asker, audited } from '../audit/audited.ts'
import { describeCommand } from '../audit/describe-command.ts'
import type { Principal } from '../auth/authenticate.ts'
import { getRecord, getRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import type { Remember, RememberWith } from '../idempotency/service.ts'
import type { AgentClient } from '@gpulab/http'
import { claimSession, hasSessionLimit } from '../quotas/claim-session.ts'

type Parts = Pick<Deps, 'audit' | 'db' | 'clock' | 'uplinks' | 'log'>

/** Of one session of one container. */
export interface SessionParams {
  readonly uuid: string
  readonly id: string
}

interface Sending {
  readonly signal: AbortSignal
  readonly remember: Remember
}

/** What the way to the host may take, over what it was asked to wait. */
const graceMs = 10_000
/** A guest may have to be started first, and the engine may be busy. */
export const createMs = 60_000

type Start = (host: AgentClient, params: SessionParams, body: CreateSession) => Promise<Session>

interface Starting {
  readonly signal: AbortSignal
  readonly rememberWith: RememberWith
  /** The container, where it is known or asked for already. */
  readonly running?: ReturnType<typeof getRunning>
  /** Whether the team has a limit, where that is asked for already. */
  readonly limited?: Promise<boolean>
  /** Has the host start it. */
  readonly start?: Start
}

export const startByRequest: Start = (host, { uuid, id }, body) =>
  host.sessions.create({ params: { uuid }, body: { ...body, id } }, { timeoutMs: createMs })

/** Starts a session in a running container of the team's. Never starts it twice. */
export async function createSession(
  deps: Parts,
  asker: Asker,
  uuid: string,
  body: CreateSession,
  {
    signal,
    rememberWith,
    running = getRunning(deps, asker.principal, uuid),
    limited = hasSessionLimit(deps, asker.principal),
    start = startByRequest,
  }: Starting,
): Promise<Session> {
  const [{ row, host: placed }, isLimited] = await Promise.all([running, limited])
  const host = deps.uplinks.to(placed.uuid)
  const id = randomUUID()
  const giveBack = await claimSession(deps, asker.principal, { id, containerUuid: row.uuid }, isLimited)
  const { command, user, detached } = body
  const detail = {
    id,
    ...(command && describeCommand(command)),
    ...(user !== undefined && { user }),
    tty: body.tty !== null,
    detached,
  }
  const entry = { action: 'session.create', containerUuid: row.uuid, detail } as const
  try {
    signal.throwIfAborted()
    return await audited(
      deps,
      asker,
      entry,
      () => start(host, { uuid: row.uuid, id }, body),
      undefined,
      // Before it is sent: a request that repeats it finds what became of it.
      async (stored) => (await rememberWith(stored, id)) ?? deps.audit.enter(stored),
    )
  } catch (error) {
    const failure = toUnknown(error)
    // It may have been made all the same.
    if (!(failure instanceof GpulabError) || failure.code !== 'exec_outcome_unknown') await giveBack()
    throw failure
  }
}

/** What a request that was carried out before has made. */
export async function replaySession(
  deps: Parts,
  principal: Principal,
  params: SessionParams,
): Promise<Session> {
  const host = await hostOf(deps, principal, params.uuid)
  return host.sessions.get({ params }, { timeoutMs: graceMs }).catch((error: unknown) => {
    if (!(error instanceof GpulabError) || error.code !== 'session_not_found') throw error
    throw new GpulabError('idempotency_replayed', {
      message: 'This request was sent to the host before, which has no such session now.',
      hint: 'It never started, or has ended some time ago. A new key starts another.',
      cause: error,
    })
  })
}

export async function listSessions(
  deps: Parts,
  principal: Principal,
  uuid: string,
  signal: AbortSignal,
): Promise<{ items: Session[]; next_cursor: string | null }> {
  const host = await hostOf(deps, principal, uuid)
  return host.sessions.list({ params: { uuid } }, { signal, timeoutMs: graceMs })
}

export async function showSession(
  deps: Parts,
  principal: Principal,
  params: SessionParams,
  { wait, signal }: { wait: number; signal: AbortSignal },
): Promise<Session> {
  const host = await hostOf(deps, principal, params.uuid)
  return host.sessions.get({ params, query: { wait } }, { signal, timeoutMs: wait * 1000 + graceMs })
}

export async function signalSession(
  deps: Parts,
  asker: Asker,
  params: SessionParams,
  name: SessionSignal,
  { signal, remember }: Sending,
): Promise<Session> {
  const host = await hostOf(deps, asker.principal, params.uuid)
  await remember(deps.db, params.id)
  const detail = { id: params.id, signal: name }
  const entry = { action: 'session.signal', containerUuid: params.uuid, detail } as const
  return audited(deps, asker, entry, () =>
    host.sessions.signal({ params, body: { signal: name } }, { signal, timeoutMs: graceMs }),
  ).catch((error: unknown) => {
    throw toUnknown(error)
  })
}

/** As often as one likes: it is as dead after the first time. */
export async function killSession(
  deps: Parts,
  asker: Asker,
  params: SessionParams,
  signal: AbortSignal,
): Promise<Session> {
  const host = await hostOf(deps, asker.principal, params.uuid)
  const entry = { action: 'session.kill', containerUuid: params.uuid, detail: { id: params.id } } as const
  return audited(deps, asker, entry, () => host.sessions.kill({ params }, { signal, timeoutMs: 2 * graceMs }))
}

export async function readSessionOutput(
  deps: Parts,
  principal: Principal,
  params: SessionParams,
  query: { offset: number; limit: number },
  signal: AbortSignal,
): Promise<AsyncIterable<SessionOutput>> {
  const host = await hostOf(deps, principal, params.uuid)
  return host.sessions.output({ params, query }, { signal })
}

/** Also of a container that does not run any more: how its sessions ended is known there. */
export async function hostOf(deps: Parts, principal: Principal, uuid: string): Promise<AgentClient> {
  const { row, host } = await getRecord(deps, principal, uuid)
  if (!host)
    throw new GpulabError('container_not_running', {
      message: `Container ${row.name} has no host yet.`,
      hint: `gpulab inspect ${row.name} shows what it waits for.`,
    })
  return deps.uplinks.to(host.uuid)
}

/** It may have been done by then, so it is not ours to say that trying again is safe. */
function toUnknown(error: unknown): unknown {
  if (!(error instanceof GpulabError) || error.code !== 'host_unreachable') return error
  return new GpulabError('exec_outcome_unknown', {
    hint: 'It may have been done. gpulab sessions ls shows what runs.',
    cause: error,
  })
}
