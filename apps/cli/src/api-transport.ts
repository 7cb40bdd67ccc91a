import { type Client, type Contract, createClient, type Transport } from '@gpulab/contract'
// The whole package would load HTTP/2, which takes longer than a request.
import { createHttpTransport } from '@gpulab/transport/http'
import { withDebug } from './debug-transport.ts'
import { withIdempotencyKeys } from './idempotency-transport.ts'
import { withRequestIds } from './request-id-transport.ts'
import { withRetries } from './retry-transport.ts'
import { withStreamGuard } from './stream-guard.ts'

export interface ApiClientOptions {
  readonly apiUrl: string
  readonly apiKey: string
  readonly isInsecure: boolean
  readonly isDebug: boolean
  readonly timeoutMs: number | undefined
}

/** The way to the API: repeats what may be repeated, and tells what happens. */
export function createApiTransport(options: Omit<ApiClientOptions, 'timeoutMs'>): Transport {
  const { apiUrl } = options
  const http = createHttpTransport({ url: apiUrl, insecure: options.isInsecure })
  const told = options.isDebug
    ? withDebug(http, apiUrl.replace(/\/$/, ''), (line) => void process.stderr.write(`${line}\n`))
    : http
  return withRequestIds(withIdempotencyKeys(withRetries(withStreamGuard(told))))
}

/** Endpoints of the API as typed functions, with the key in every request. */
export const createClientOf = <T extends Contract>(tree: T, options: ApiClientOptions): Client<T> =>
  createClient(tree, createApiTransport(options), {
    headers: { 'api-key': options.apiKey },
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  })
