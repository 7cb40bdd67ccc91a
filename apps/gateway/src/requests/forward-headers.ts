/** Header fields as Node has them: name, value, name, value. */
export type RawHeaders = readonly string[]

/** Of one connection only (RFC 9110, 7.6.1), and what Node writes itself. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** What only a proxy may say; from a client it would be forged. `Proxy` is what scripts take for HTTP_PROXY. */
const isProxys = (name: string): boolean =>
  /^x-(forwarded|forwarder|real|original|client|cluster|envoy|gpulab)(-|$)/.test(name) ||
  /^(forwarded|forwarded-for|via|proxy|x-rewrite-url|x-host|x-http-host-override|x-url-scheme|x-scheme|front-end-https|(true|cf|fastly)-(client|connecting)-ip(v6)?)$/.test(
    name,
  )

const ownCookie = /^(?:__Host-)?gpulab-/
/** What opens GPULab itself never reaches a container. */
const isOwnKey = (name: string, value: string): boolean =>
  (name === 'api-key' && value.startsWith('gpulab')) ||
  (name === 'authorization' && /^bearer +gpulab/i.test(value))

export interface Forwarding {
  readonly host: string
  readonly proto: 'http' | 'https'
  /** Of the client, as far as it is known. */
  readonly addresses: readonly string[]
}

/** What a container gets of a request's header. Its framing is written by whoever sends it. */
export function toUpstreamHeaders(raw: RawHeaders, { host, proto, addresses }: Forwarding): string[] {
  const dropped = namedByConnection(raw)
  const kept: string[] = ['Host', host]
  eachField(raw, (name, value, written) => {
    // Gateways to scripts write all of these as one: X_Forwarded_For and X.Forwarded.For are as good a forgery.
    const plain = name.replaceAll(/[^a-z0-9]/g, '-')
    if (name === 'host' || name === 'expect' || hopByHop.has(plain) || dropped.has(name)) return
    if (isProxys(plain) || isOwnKey(plain, value)) return
    if (name === 'cookie') {
      const cookies = withoutOwnCookies(value)
      if (cookies !== '') kept.push(written, cookies)
    } else kept.push(written, value)
  })
  kept.push('X-Forwarded-For', addresses.join(', '), 'X-Forwarded-Proto', proto, 'X-Forwarded-Host', host)
  return kept
}

/** What a client gets of an answer's header. */
export function toClientHeaders(raw: RawHeaders): string[] {
  const dropped = namedByConnection(raw)
  const kept: string[] = []
  eachField(raw, (name, value, written) => {
    if (hopByHop.has(name) || dropped.has(name) || ofTheDomain.has(name)) return
    if (name !== 'set-cookie') kept.push(written, value)
    else if (!ownCookie.test(value.trimStart())) kept.push(written, toHostOnly(value))
  })
  return kept
}

/** They would reach the other containers below the domain, or lead around the gateway. */
const ofTheDomain = new Set(['alt-svc', 'clear-site-data'])

/** A cookie that goes back to no other container. */
const toHostOnly = (cookie: string): string =>
  cookie
    .split(';')
    .filter((part, index) => index === 0 || !/^\s*domain\s*(=|$)/i.test(part))
    .join(';')

const withoutOwnCookies = (cookies: string): string =>
  cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '' && !ownCookie.test(cookie))
    .join('; ')

/** A Connection may name fields of its own connection; what says how long a body is, or for whom, is none. */
function namedByConnection(raw: RawHeaders): ReadonlySet<string> {
  const names = new Set<string>()
  eachField(raw, (name, value) => {
    if (name === 'connection') for (const part of value.split(',')) names.add(part.trim().toLowerCase())
  })
  names.delete('content-length')
  names.delete('host')
  return names
}

function eachField(raw: RawHeaders, visit: (name: string, value: string, written: string) => void): void {
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const written = raw[index] ?? ''
    visit(written.toLowerCase(), raw[index + 1] ?? '', written)
  }
}
