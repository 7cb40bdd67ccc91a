import { GpulabError, type Transport, type TransportRequest, type TransportResponse } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'

const attempts = 3
const firstDelayMs = 200
const defaultTimeoutMs = 30_000
/** A connection that could not be made, or broke before an answer, may be made the next time. */
const passing = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN'])
const passingStatuses = new Set([429, 502, 503, 504])

/** Repeats reads that met passing trouble, within the time that one request may take. */
export function withRetries(transport: Transport): Transport {
  const request = async (call: TransportRequest): Promise<TransportResponse> => {
    if (call.method !== 'GET') return transport.request(call)
    const deadline = performance.now() + (call.timeoutMs ?? defaultTimeoutMs)
    for (let attempt = 1; ; attempt++) {
      const leftMs = Math.max(1, deadline - performance.now())
      const delayMs = firstDelayMs * 2 ** (attempt - 1)
      const isLast = attempt === attempts || delayMs >= leftMs
      const response = await transport.request({ ...call, timeoutMs: leftMs }).catch((error: unknown) => {
        if (isLast || !isPassing(error)) throw error
        return undefined
      })
      if (response && (isLast || !passingStatuses.has(response.status))) return response
      await drain(response)
      await delay(delayMs, undefined, call.signal && { signal: call.signal }).catch(() =>
        call.signal?.throwIfAborted(),
      )
    }
  }
  return { ...transport, request }
}

const isPassing = (error: unknown): boolean =>
  error instanceof GpulabError && passing.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? '')

/** An unread answer would hold its connection. */
async function drain(response: TransportResponse | undefined): Promise<void> {
  for await (const _ of response?.body ?? []) continue
}
