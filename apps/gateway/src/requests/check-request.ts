import type { IncomingMessage } from 'node:http'
import { type Destination, parseHost } from './parse-host.ts'

/** A request that means one thing only, whoever reads it. */
export interface CheckedRequest {
  readonly destination: Destination
  readonly host: string
  /** In origin form, or `*`. */
  readonly path: string
}

type RawRequest = Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'httpVersion'>

const originForm = /^\/[!-"$-~]*$/
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/

/** Gives what is asked of whom, or the sentence that says why the request is refused. */
export function checkRequest(request: RawRequest, domain: string): CheckedRequest | string {
  const { method = '', url = '', rawHeaders, httpVersion } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'Only HTTP/1.0 and HTTP/1.1 are spoken here.'
  if (method === 'CONNECT' || method === 'TRACE') return `${method} is not served.`
  const hosts = valuesOf(rawHeaders, 'host')
  if (hosts.length !== 1) return 'A request has exactly one Host.'
  const [host = ''] = hosts
  const destination = parseHost(host, domain)
  if (!destination) return 'The Host is not a plain lower-case name.'
  const framing = checkFraming(rawHeaders, httpVersion)
  if (framing !== undefined) return framing
  const path = toPath(method, url, host)
  return path === undefined ? 'The target of the request is not valid.' : { destination, host, path }
}

/** Node's parser refuses these too; here they are refused whatever version or settings it has. */
function checkFraming(rawHeaders: readonly string[], httpVersion: string): string | undefined {
  const lengths = valuesOf(rawHeaders, 'content-length')
  const encodings = valuesOf(rawHeaders, 'transfer-encoding')
  if (lengths.length + encodings.length > 1) return 'The length of the body is given more than once.'
  if (lengths.some((length) => !/^[0-9]{1,15}$/.test(length))) return 'Content-Length is not a number.'
  if (encodings.some((encoding) => encoding.toLowerCase() !== 'chunked' || httpVersion === '1.0'))
    return 'The only Transfer-Encoding is chunked, in HTTP/1.1.'
  return undefined
}

function toPath(method: string, url: string, host: string): string | undefined {
  if (url === '*') return method === 'OPTIONS' ? url : undefined
  if (originForm.test(url)) return url
  const [, authority, rest = ''] = absoluteForm.exec(url) ?? []
  if (authority === undefined || authority !== host) return undefined
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return originForm.test(path) ? path : undefined
}

export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '')
  return values
}
