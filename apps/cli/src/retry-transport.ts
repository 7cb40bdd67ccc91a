import {
  GpulabError,
  isRepeatable,
  toGpulabError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '@gpulab/contract'
import { holdBody } from './hold-body.ts'

/** Over three seconds in all: a server that was killed is there again by then, where something starts it anew. */
const attemptsMax = 5
/** While it is open whether something was done, it pays to go on asking. */
const openAttemptsMax = 6
const defaultTimeoutMs = 30_000
/** Nothing of the request has arrived. */
const neverMade = new Set(['ECONNREFUSED', 'EAI_AGAIN'])
/** A connection that broke before the answer was there may hold the next time. */
const broken = new Set([...neverMade, 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const passingStatuses = new Set([429, 502, 503, 504])

/**
 * Repeats requests that met passing trouble, within the time that one may take: what changes nothing or comes with
 * an idempotency key whenever it helps, everything else only if it can't have arrived.
 */
export function withRetries(transport: Transport, firstDelayMs = 200): Transport {
  const request = async (call: TransportRequest): Promise<TransportResponse> => {
    const deadline = performance.now() + (call.timeoutMs ?? defaultTimeoutMs)
    /** An earlier attempt that may have been carried out; no later failure to ask again takes that back. */
    let open: GpulabError | undefined
    for (let attempt = 1; ; attempt++) {
      const timeoutMs = Math.max(1, deadline - performance.now())
      const { response, failure } = await tryOnce(transport, { ...call, timeoutMs })
      if (!failure) return response
      if (failure.code === 'outcome_unknown') open ??= failure
      const delayMs = Math.max(firstDelayMs * 2 ** (attempt - 1), waitAskedFor(response, Date.now()))
      const isLast =
        attempt >= (open ? openAttemptsMax : attemptsMax) || performance.now() + delayMs >= deadline
      if (isLast || !mayRepeat(call, failure, response !== undefined)) {
        call.signal?.throwIfAborted()
        if (response && !open) return response
        throw open ?? failure
      }
      const { setTimeout: delay } = process.getBuiltinModule('node:timers/promises')
      await delay(delayMs, undefined, call.signal && { signal: call.signal }).catch(() =>
        call.signal?.throwIfAborted(),
      )
    }
  }
  return { ...transport, request }
}

type Outcome =
  | { readonly response: TransportResponse; readonly failure?: undefined }
  | { readonly response?: TransportResponse; readonly failure: GpulabError }

/** An answer that is due as a whole has come as a whole; a cut in its middle is a failure like any other. */
async function tryOnce(transport: Transport, call: TransportRequest): Promise<Outcome> {
  try {
    const response = await transport.request(call)
    const isPassing = passingStatuses.has(response.status)
    if (!isPassing && !call.isBodyTimed) return { response }
    const { body, start } = await holdBody(response.body)
    const held = { ...response, body }
    return isPassing
      ? { response: held, failure: toGpulabError(response.status, parseJson(start), call.method) }
      : { response: held }
  } catch (failure) {
    if (failure instanceof GpulabError) return { failure }
    throw failure
  }
}

function mayRepeat(call: TransportRequest, failure: GpulabError, isAnswered: boolean): boolean {
  // A stream is used up.
  if (typeof call.body === 'object') return false
  const isHarmless = isRepeatable(call.method) || call.idempotency === 'replay'
  if (isAnswered) return isHarmless
  const { code } = (failure.cause ?? {}) as NodeJS.ErrnoException
  if (failure.code === 'outcome_unknown') return isHarmless
  return failure.code === 'api_unreachable' && (isHarmless ? broken : neverMade).has(code ?? '')
}

/** `Retry-After` in ms: seconds, or a time (RFC 9110, 10.2.3). */
export function waitAskedFor(response: TransportResponse | undefined, now: number): number {
  const text = response?.headers?.['retry-after']
  if (typeof text !== 'string') return 0
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(waitMs) ? 0 : Math.max(0, waitMs)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
