import { createBodyReader } from './request-body.ts'
import { GpulabError, toGpulabError } from '@gpulab/contract'
import { createApiTransport } from '../api-transport.ts'
import type { ApiContext } from '../context.ts'

export interface ApiCall {
  readonly method: string
  /** `/v1/…`, with its query. */
  readonly path: string
  /** JSON, `@FILE`, or `-` for standard input. */
  readonly data: string | undefined
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const streamTypes = ['application/x-ndjson', 'text/event-stream', 'application/octet-stream']

/** Makes one request with the key, and writes the body of the answer as it comes. */
export async function callApi({ profile, signal }: ApiContext, call: ApiCall): Promise<void> {
  const method = call.method.toUpperCase()
  if (!methods.includes(method)) {
    throw new GpulabError('invalid_request', {
      message: `"${call.method}" is no method of the API.`,
      hint: `It has ${methods.join(', ')}.`,
    })
  }
  const path = toPath(call.path)
  const transport = createApiTransport({ ...profile, apiKey: profile.apiKey ?? '' })
  const body = await createBodyReader(call.data)
  const response = await transport.request({
    method,
    path,
    headers: {
      'api-key': profile.apiKey ?? '',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(path.includes('follow=true') && { accept: 'application/x-ndjson' }),
    },
    signal,
    ...(body !== undefined && { body }),
    ...(profile.timeoutMs !== undefined && { timeoutMs: profile.timeoutMs }),
    ...(method === 'POST' && { idempotency: 'replay' as const }),
  })
  if (response.status >= 400) throw toGpulabError(response.status, await readJson(response.body), method)
  await copy(
    response.body,
    streamTypes.some((type) => String(response.headers?.['content-type']).startsWith(type)),
  )
}

/** What is typed with and without a slash; nothing that would leave the API. */
export function toPath(text: string): string {
  const path = text.startsWith('/') ? text : `/${text}`
  const base = 'http://api.invalid'
  const url = URL.parse(path, base)
  if (url?.origin === base && !text.includes('://')) return path
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a path of the API.`,
    hint: 'Write it like /v1/containers; /docs of the API shows all of them.',
  })
}

async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return undefined
  }
}

/** A document ends with a line break, a stream is what it is. */
async function copy(body: AsyncIterable<Uint8Array>, isStream: boolean): Promise<void> {
  let last: number | undefined
  for await (const chunk of body) {
    last = chunk.at(-1) ?? last
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
  }
  if (!isStream && last !== undefined && last !== 0x0a) process.stdout.write('\n')
}
