import { type Endpoint, isBytesBody } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { bodies } from './access-objects.ts'
import { sampleOf } from './sample-of.ts'

export interface Answer {
  readonly status: number
  readonly text: string
  readonly error: Readonly<Record<string, unknown>> | undefined
}

/** Calls an endpoint with a body and query that it takes, on the object of that id. */
export async function callByHand(
  url: string,
  { name, endpoint }: { name: string; endpoint: Endpoint },
  headers: Readonly<Record<string, string>>,
  id: string,
): Promise<Answer> {
  const { method, params, query, body, result } = endpoint
  const [first] = Object.keys(params?.shape ?? {})
  const values: Record<string, unknown> = {
    ...(params && (sampleOf(params) as object)),
    ...(first !== undefined && { [first]: id }),
  }
  const path = endpoint.path.replaceAll(/:(\w+)/g, (_, key: string) =>
    encodeURIComponent(String(values[key])),
  )
  const search = new URLSearchParams((query && (sampleOf(query) as Record<string, string>)) ?? {}).toString()
  const payload = body && (isBytesBody(body) ? 'bytes' : JSON.stringify(bodies[name] ?? sampleOf(body) ?? {}))
  const controller = new AbortController()
  const response = await createHttpTransport({ url }).request({
    method,
    path: `/${path.slice(1)}${search === '' ? '' : `?${search}`}`,
    headers: {
      ...headers,
      ...(payload !== undefined && {
        'content-type': body && isBytesBody(body) ? body.mediaType : 'application/json',
      }),
    },
    ...(payload !== undefined && { body: payload }),
    signal: controller.signal,
  })
  const { status } = response
  let text = ''
  // A stream may go on for ever.
  const isEndless = status < 400 && result.kind === 'events'
  if (isEndless) controller.abort()
  else for await (const chunk of response.body) text += Buffer.from(chunk).toString()
  return { status, text, error: status < 400 ? undefined : toError(text) }
}

const toError = (text: string): Answer['error'] =>
  (JSON.parse(text) as { error?: Record<string, unknown> }).error
