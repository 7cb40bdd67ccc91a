import { api, type Client, createClient, GpulabError, type Transport } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport/http'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

export type ApiClient = Client<typeof api>

const passingStatuses = new Set([429, 502, 503, 504])
/** Nothing was heard: with its key, a request may be sent again whatever has become of the first. */
const passingCodes = new Set<string>(['api_unreachable', 'outcome_unknown'])

export interface ClientOptions {
  readonly url: string
  readonly apiKey: string
  /** How long one call is repeated. */
  readonly patienceMs?: number
  /** Of one attempt. */
  readonly timeoutMs?: number
}

/** What a careful client does: one key for each call, and the same request again until there is an answer. */
export function createPatientClient({
  url,
  apiKey,
  patienceMs = 60_000,
  timeoutMs = 20_000,
}: ClientOptions): ApiClient {
  const transport = withPatience(createHttpTransport({ url }), patienceMs)
  return createClient(api, transport, { headers: { 'api-key': apiKey }, timeoutMs })
}

function withPatience(transport: Transport, patienceMs: number): Transport {
  return {
    ...transport,
    request: async (call) => {
      const deadline = performance.now() + patienceMs
      const key = call.method === 'POST' ? { 'idempotency-key': randomUUID() } : {}
      const request = { ...call, headers: { ...call.headers, ...key } }
      for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 1000)) {
        const isLast = performance.now() + delayMs > deadline
        const response = await transport.request(request).catch((error: unknown) => {
          if (isLast || !(error instanceof GpulabError) || !passingCodes.has(error.code)) throw error
          return undefined
        })
        if (response && (isLast || !passingStatuses.has(response.status))) return response
        for await (const _ of response?.body ?? []) continue
        await wait(delayMs, undefined, call.signal && { signal: call.signal })
      }
    },
  }
}
