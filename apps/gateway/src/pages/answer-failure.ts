import { type ErrorCode, GpulabError } from '@gpulab/contract'
import { requestIdHeader } from '@gpulab/http'
import { STATUS_CODES } from 'node:http'
import { pagePolicy, renderPage } from './render-page.ts'

const titles: Partial<Record<ErrorCode, string>> = {
  container_not_found: 'No such container',
  container_not_running: 'Not running',
  port_not_found: 'No such port',
  port_private: 'This port is private',
  origin_refused: 'Not from this site',
  port_closed: 'Nothing answers on this port yet',
  host_unreachable: 'The host does not answer',
  rate_limited: 'Too much at once',
  port_answer_invalid: 'No proper answer',
  port_answer_timeout: 'No answer in time',
  api_unreachable: 'GPULab does not answer',
  route_not_found: 'Nothing here',
  invalid_request: 'Not a proper request',
}
/** States that pass: a page asks again by itself. */
const passing = new Set<ErrorCode>(['port_closed', 'host_unreachable', 'rate_limited', 'api_unreachable'])
const retrySeconds = 2

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a client is told: a page for browsers, the API's envelope for others. */
export function toAnswer(failure: GpulabError, accept: string | undefined, requestId: string): Answer {
  const { code, status, message, hint } = failure
  const passes = passing.has(code) || failure.details?.['passes'] === true
  const { retry_after: asked } = failure.details ?? {}
  const waitSeconds = typeof asked === 'number' ? asked : retrySeconds
  const headers = {
    'cache-control': 'no-store',
    'request-id': requestId,
    [requestIdHeader]: requestId,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(passes && { 'retry-after': String(waitSeconds) }),
  }
  if (!wantsHtml(accept)) {
    const body = `${JSON.stringify(failure.toEnvelope(requestId))}\n`
    return { status, headers: { ...headers, 'content-type': 'application/json' }, body }
  }
  const title = titles[code] ?? STATUS_CODES[status] ?? 'Failed'
  const retryAfter = passes ? waitSeconds : undefined
  const body = renderPage({ status, title, text: message, hint, code, requestId, retryAfter })
  return {
    status,
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': pagePolicy,
    },
    body,
  }
}

const wantsHtml = (accept = ''): boolean => /(^|[\s,])text\/html\b/i.test(accept)

/** As bytes of a connection that ends with it, for what never became a request that Node answers. */
export function toRawAnswer({ status, headers, body }: Answer): string {
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`
}
