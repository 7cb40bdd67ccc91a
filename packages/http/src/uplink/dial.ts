import { GpulabError, toGpulabError, uplinkPath } from '@gpulab/contract'
import { requireSecureUrl } from '@gpulab/transport'
import http, { type IncomingMessage } from 'node:http'
import https, { type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'

const refusalMaxCharacters = 1 << 16

export interface DialOptions {
  /** Of the control plane or a gateway. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly insecure?: boolean
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** Host's end: dials and gives the connection, once the other end speaks that protocol on it. */
export async function dial(
  protocol: string,
  { url, headers, insecure, signal, timeoutMs = 10_000 }: DialOptions,
): Promise<Duplex> {
  requireSecureUrl(url, insecure)
  const request = (url.startsWith('https:') ? https : http).request({
    ...targetOf(url),
    headers: { ...headers, connection: 'Upgrade', upgrade: protocol },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  request.once('error', (cause) =>
    reject(
      new GpulabError('api_unreachable', {
        cause,
        message: `The API at ${url} does not answer: ${cause.message}.`,
      }),
    ),
  )
  request.once('response', (response) => void refusal(response).then(reject, reject))
  request.once('upgrade', (_response, socket, head) => {
    // That of Node's agent is for connections that it keeps.
    socket.setTimeout(0)
    if (head.length > 0) socket.unshift(head)
    resolve(socket)
  })
  request.end()
  return promise
}

function targetOf(url: string): RequestOptions {
  if (url.startsWith('unix:')) return { socketPath: url.slice('unix:'.length), path: uplinkPath }
  const { protocol, hostname, port, pathname } = new URL(url)
  return {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: pathname.replace(/\/$/, '') + uplinkPath,
  }
}

async function refusal(response: IncomingMessage): Promise<GpulabError> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > refusalMaxCharacters) break
  }
  return toGpulabError(
    response.statusCode ?? 500,
    await Promise.resolve(text)
      .then(JSON.parse)
      .catch(() => null),
  )
}
