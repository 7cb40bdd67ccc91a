import type { z } from 'zod'
import {
  type BytesBody,
  type CallInput,
  type CallResult,
  type Contract,
  type Endpoint,
  isBytesBody,
  isEndpoint,
} from './endpoint.ts'
import { GpulabError, toGpulabError } from './errors.ts'
import type { Channel } from './frames.ts'
import { readLines } from './lines.ts'

/** Far more than any page of a list; what is longer is none of our answers. */
const answerMaxBytes = 64 << 20

export interface TransportRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
  /** Between request and head of the answer; the body of a stream may take for ever, that of an error may not. */
  readonly timeoutMs?: number
  /** Whether the body of the answer has to have come within that time too. */
  readonly isBodyTimed?: boolean
  /** Whether its body or that of the answer is bytes, of which there may be many. */
  readonly isBulk?: boolean
  /** What the server does with a second request of the same idempotency key; absent where it knows no keys. */
  readonly idempotency?: 'replay' | 'once'
}

export interface TransportResponse {
  readonly status: number
  /** Names in lower case; absent where the transport has none to tell. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * How requests get to the server. Rejects with `api_unreachable` (or the like) when they do not, and with
 * `outcome_unknown` when one that must not be repeated may have got there.
 */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>
  connect(request: TransportRequest): Promise<Channel>
}

export interface ClientOptions {
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export interface CallOptions {
  /** Of this call alone: conditions, as `if-match` and `range` are. */
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Of an earlier call whose outcome is not known, to do the same no second time. */
  readonly idempotencyKey?: string
}

export type Client<T extends Contract> = {
  readonly [K in keyof T]: T[K] extends Endpoint ? Call<T[K]> : T[K] extends Contract ? Client<T[K]> : never
}
type Call<E extends Endpoint> =
  {} extends CallInput<E>
    ? (input?: CallInput<E>, options?: CallOptions) => Promise<CallResult<E>>
    : (input: CallInput<E>, options?: CallOptions) => Promise<CallResult<E>>

/** Gives every endpoint of the tree as a typed function at the same place. */
export function createClient<T extends Contract>(
  tree: T,
  transport: Transport,
  options: ClientOptions = {},
): Client<T> {
  const build = (node: Endpoint | Contract): unknown =>
    isEndpoint(node)
      ? (input: AnyInput = {}, call: CallOptions = {}) =>
          send(node, input, transport, {
            ...options,
            ...call,
            headers: { ...options.headers, ...call.headers },
          })
      : Object.fromEntries(Object.entries(node).map(([name, child]) => [name, build(child)]))
  // The mapped type above is the only description of what build() returns.
  return build(tree) as Client<T>
}

interface AnyInput {
  readonly params?: Record<string, unknown>
  readonly query?: Record<string, unknown>
  readonly body?: unknown
}

async function send(
  endpoint: Endpoint,
  input: AnyInput,
  transport: Transport,
  options: ClientOptions & CallOptions,
): Promise<unknown> {
  const request: TransportRequest = {
    method: endpoint.method,
    path: pathOf(endpoint, input),
    headers: {
      ...options.headers,
      ...headersOf(endpoint),
      ...(options.idempotencyKey !== undefined && { 'idempotency-key': options.idempotencyKey }),
    },
    ...bodyOf(endpoint.body, input.body),
    ...(options.signal && { signal: options.signal }),
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
    isBodyTimed: endpoint.result.kind === 'json' || endpoint.result.kind === 'empty',
    isBulk: isBulk(endpoint),
    ...(endpoint.idempotency && { idempotency: endpoint.idempotency }),
  }
  if (endpoint.result.kind === 'duplex') return transport.connect(request)

  const response = await transport.request(request)
  if (response.status >= 400) {
    const payload = await readJson(response.body).catch(() => options.signal?.throwIfAborted())
    throw toGpulabError(response.status, payload, endpoint.method)
  }
  switch (endpoint.result.kind) {
    case 'json':
      return parse(endpoint.result.schema, await readJson(response.body))
    case 'events':
      return readEvents(endpoint.result.schema, response.body)
    case 'bytes':
      return response.body
    case 'file':
      return { status: response.status, headers: toSingle(response.headers), body: response.body }
    case 'empty':
      await readText(response.body)
      return undefined
  }
}

const isBulk = ({ result, body }: Endpoint): boolean =>
  result.kind === 'bytes' || result.kind === 'file' || (body !== undefined && isBytesBody(body))

const toSingle = (headers: TransportResponse['headers'] = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )

function headersOf({ result, body }: Endpoint): Record<string, string> {
  return {
    ...(result.kind === 'events' && { accept: 'application/x-ndjson' }),
    ...(body && { 'content-type': isBytesBody(body) ? body.mediaType : 'application/json' }),
  }
}

function bodyOf(declared: z.ZodType | BytesBody | undefined, body: unknown): Pick<TransportRequest, 'body'> {
  if (!declared) return {}
  return { body: isBytesBody(declared) ? (body as AsyncIterable<Uint8Array>) : JSON.stringify(body ?? {}) }
}

/** Path with its parameters filled in and encoded, and query. A missing parameter is a mistake of the caller's. */
export function pathOf({ path }: Endpoint, { params = {}, query = {} }: AnyInput): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined || value === '') throw new TypeError(`Missing path parameter "${name}"`)
    return encodeURIComponent(String(value))
  })
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) search.append(name, String(item))
    }
  }
  return search.size > 0 ? `${filled}?${search}` : filled
}

async function* readEvents(schema: z.ZodType, body: AsyncIterable<Uint8Array>): AsyncGenerator {
  for await (const line of readLines(body)) {
    if (line === '') continue
    const value = parseJson(line)
    const failure = streamError(value)
    if (failure) throw failure
    yield parse(schema, value)
  }
}

/** A stream that has begun can only report its failure in itself: as a last line that is an error envelope. */
const streamError = (value: unknown): GpulabError | undefined =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'error'
    ? toGpulabError(500, value)
    : undefined

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > answerMaxBytes) {
      throw new GpulabError('answer_invalid', {
        message: 'The server gave an answer of more than 64 MiB.',
        hint: 'Check the API URL: something else may be answering there.',
      })
    }
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const readJson = async (body: AsyncIterable<Uint8Array>): Promise<unknown> => parseJson(await readText(body))

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GpulabError('answer_invalid', {
      message: 'The server gave an answer that is not JSON.',
      hint: 'Check the API URL: something else may be answering there.',
      cause,
    })
  }
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new GpulabError('answer_invalid', {
    hint: 'The server may be newer than this program: update it.',
    cause: parsed.error,
  })
}
