import {
  type Channel,
  Control,
  type CreateSession,
  type ErrorCode,
  framePayloadMaxBytes,
  GpulabError,
  parseJson,
  type Session,
  SessionOpened,
  takeFrame,
  toChannelFailure,
  toJsonFrame,
} from '@gpulab/contract'
import type { ApiClient } from '../api-client.ts'

export type SessionsApi = { readonly sessions: ApiClient['sessions'] }

/** As a caller gives it, before defaults. */
export type NewSession = Partial<CreateSession>

export interface Wanted {
  /** The uuid or the name. */
  readonly container: string
  readonly create: NewSession
}

export interface StartOptions {
  readonly idempotencyKey: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

const connectMs = 20_000

/**
 * Undefined where it is not done, or not known to be: then a request with the same key does it, or tells what is wrong.
 * Throws what the API has said for good.
 */
export async function openAtOnce(
  { sessions }: SessionsApi,
  { container, create }: Wanted,
  { idempotencyKey, timeoutMs, signal }: StartOptions,
): Promise<{ session: Session; channel: Channel } | undefined> {
  const opening = toJsonFrame({ type: 'open', session: create, idempotency_key: idempotencyKey })
  if (opening.payload.length > framePayloadMaxBytes) return undefined
  let channel: Channel | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    channel = await sessions.open(
      { params: { container } },
      { timeoutMs: connectMs, ...(signal && { signal }) },
    )
    timer = setTimeout(() => channel?.destroy(), timeoutMs)
    await channel.send(opening)
    const { frame, rest } = await takeFrame(channel)
    const answer = frame && parseJson(frame)
    const opened = SessionOpened.safeParse(answer)
    if (opened.success) return { session: opened.data.session, channel: rest }
    channel.destroy()
    const refusal = Control.safeParse(answer)
    if (refusal.success && refusal.data.type === 'error') throw toChannelFailure(refusal.data)
    return undefined
  } catch (error) {
    channel?.destroy()
    signal?.throwIfAborted()
    if (channel && error instanceof GpulabError && isFinal(error)) throw error
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** What the request would say in other words, or may do better a moment later, is left to it. */
const isFinal = (error: GpulabError): boolean =>
  !error.retryable && !inOtherWords.has(error.code) && !isOutcomeOpen(error)

const inOtherWords: ReadonlySet<string> = new Set<ErrorCode>(['invalid_request', 'container_not_found'])

export const isOutcomeOpen = (error: unknown): boolean =>
  error instanceof GpulabError && (error.code === 'exec_outcome_unknown' || error.code === 'outcome_unknown')
