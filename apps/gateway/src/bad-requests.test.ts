import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawUpstream, startRawUpstream } from '../test/raw-upstream.ts'
import { domain, startTestGateway, type TestGateway } from '../test/start-test-gateway.ts'

let gateway: TestGateway
let upstream: RawUpstream
let other: RawUpstream
let host: string
let otherHost: string

beforeAll(async () => {
  gateway = await startTestGateway()
  upstream = await startRawUpstream()
  other = await startRawUpstream()
  host = `${gateway.addContainer({ [upstream.port]: 'public' })}-${upstream.port}.${domain}`
  otherHost = `${gateway.addContainer({ [other.port]: 'public' })}-${other.port}.${domain}`
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await upstream?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
})

const crlf = (...lines: string[]): string => `${lines.join('\r\n')}\r\n`
const get = (...fields: string[]): string => crlf('GET /a HTTP/1.1', `Host: ${host}`, ...fields, '')
const hosted = (name: string): string => crlf('GET /a HTTP/1.1', `Host: ${name}`, '')
const swap = (text: string): string => text.toUpperCase()

/** None of these may reach any container. */
const refused: Record<string, () => string> = {
  'no Host': () => crlf('GET /a HTTP/1.1', ''),
  'two Hosts': () => crlf('GET /a HTTP/1.1', `Host: ${host}`, `Host: ${otherHost}`, ''),
  'the same Host twice': () => crlf('GET /a HTTP/1.1', `Host: ${host}`, `Host: ${host}`, ''),
  'an empty Host': () => hosted(''),
  'a Host in capitals': () => hosted(swap(host)),
  'a domain in capitals': () => hosted(host.replace(domain, swap(domain))),
  'a dot at the end': () => hosted(`${host}.`),
  'a dot at the end, with a port': () => hosted(`${host}.:80`),
  'a dot at the beginning': () => hosted(`.${host}`),
  'two dots': () => hosted(host.replace('.', '..')),
  'user info': () => hosted(`a@${host}`),
  'a host behind user info': () => hosted(`${host}@${otherHost}`),
  'a host before user info': () => hosted(`${host}:80@${otherHost}`),
  'a space in the Host': () => hosted(`${host} ${otherHost}`),
  'a tab in the Host': () => hosted(`${host}\t`.replace('\t', '\tx')),
  'a comma in the Host': () => hosted(`${host},${otherHost}`),
  'a slash in the Host': () => hosted(`${host}/x`),
  'a backslash in the Host': () => hosted(`${host}\\x`),
  'a question mark in the Host': () => hosted(`${host}?x`),
  'a hash in the Host': () => hosted(`${host}#x`),
  'a percent in the Host': () => hosted(host.replace('-', '%2d')),
  'NUL in the Host': () => hosted(`${host}\0`),
  'a character that is none of ASCII': () => hosted(host.replace('.', 'é.')),
  'a full-width dot': () => hosted(host.replace('.', '。')),
  'punycode before the name': () => hosted(`xn--${host}`),
  'a port that is too large': () => hosted(`${host}:99999`),
  'a port of letters': () => hosted(`${host}:http`),
  'an empty port': () => hosted(`${host}:`),
  'two ports': () => hosted(`${host}:80:81`),
  'a negative port': () => hosted(`${host}:-1`),
  'one label more': () => hosted(`x.${host}`),
  'a short uuid': () => hosted(host.slice(1)),
  'a uuid without dashes': () => hosted(host.replaceAll(/-(?=.*-)/g, '')),
  'a port label with zeros': () => hosted(host.replace(/-(\d+)\./, '-0$1.')),
  'a port label that is too large': () => hosted(host.replace(/-(\d+)\./, '-99999.')),
  'port 0': () => hosted(host.replace(/-(\d+)\./, '-0.')),
  'a port that is not declared': () => hosted(host.replace(/-(\d+)\./, '-22.')),
  'a domain that looks alike': () => hosted(host.replace(domain, `evil${domain}`)),
  'the domain within another': () => hosted(`${host}.evil.test`),
  'the domain alone': () => hosted(domain),
  'an address': () => hosted('127.0.0.1'),
  'absolute form of another host': () => crlf(`GET http://${otherHost}/a HTTP/1.1`, `Host: ${host}`, ''),
  'absolute form with user info': () => crlf(`GET http://x@${host}/a HTTP/1.1`, `Host: ${host}`, ''),
  'absolute form of another scheme': () => crlf(`GET ftp://${host}/a HTTP/1.1`, `Host: ${host}`, ''),
  'a target without a slash': () => crlf('GET a HTTP/1.1', `Host: ${host}`, ''),
  'a target with a fragment': () => crlf('GET /a#b HTTP/1.1', `Host: ${host}`, ''),
  'a target with a space': () => crlf('GET /a b HTTP/1.1', `Host: ${host}`, ''),
  'a target with a control character': () => crlf('GET /a\x01 HTTP/1.1', `Host: ${host}`, ''),
  'an asterisk for GET': () => crlf('GET * HTTP/1.1', `Host: ${host}`, ''),
  CONNECT: () => crlf(`CONNECT ${host}:80 HTTP/1.1`, `Host: ${host}`, ''),
  TRACE: () => crlf('TRACE /a HTTP/1.1', `Host: ${host}`, ''),
  'an unknown method': () => crlf('G<T /a HTTP/1.1', `Host: ${host}`, ''),
  'HTTP/0.9': () => 'GET /a\r\n',
  'HTTP/2 in the clear': () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP/1.2': () => crlf('GET /a HTTP/1.2', `Host: ${host}`, ''),
  'lengths and chunks': () =>
    `${crlf('POST /a HTTP/1.1', `Host: ${host}`, 'Content-Length: 4', 'Transfer-Encoding: chunked', '')}0\r\n\r\nGET /evil HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  'chunks and lengths': () =>
    `${crlf('POST /a HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: chunked', 'Content-Length: 4', '')}0\r\n\r\n`,
  'two lengths': () => `${get('Content-Length: 1', 'Content-Length: 2')}ab`,
  'two equal lengths': () => `${get('Content-Length: 1', 'Content-Length: 1')}a`,
  'lengths in a list': () => `${get('Content-Length: 1, 1')}a`,
  'a length with a sign': () => `${get('Content-Length: +1')}a`,
  'a length in hexadecimal': () => `${get('Content-Length: 0x1')}a`,
  'a negative length': () => get('Content-Length: -1'),
  'an unknown transfer coding': () => get('Transfer-Encoding: xchunked'),
  'chunks that are not last': () => get('Transfer-Encoding: chunked, gzip'),
  'another coding before chunks': () => get('Transfer-Encoding: gzip, chunked'),
  'two transfer codings': () => get('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
  'a transfer coding after a vertical tab': () => get('Transfer-Encoding: \x0bchunked'),
  'a space before the colon': () => get('Transfer-Encoding : chunked'),
  'a space before a name': () => crlf('GET /a HTTP/1.1', ` Host: ${host}`, ''),
  'a name with a space': () => get('X Y: z'),
  'a folded line': () => get('X-A: b', ' Transfer-Encoding: chunked'),
  'a line without a colon': () => get('nonsense'),
  'a carriage return in a value': () => get('X-A: b\rX-B: c'),
  'a line feed alone': () => `GET /a HTTP/1.1\nHost: ${host}\n\n`,
  'a header that is too large': () => get(`X-A: ${'a'.repeat(40_000)}`),
  'TLS where none is spoken': () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
}

describe('a request that could mean two things, or nothing', () => {
  it.each(Object.entries(refused))('is refused and reaches no container: %s', async (_name, request) => {
    const before = gateway.dials.length
    const answer = await gateway.raw(Buffer.from(request(), 'latin1'))
    expect(answer).toMatch(/^(HTTP\/1\.1 (40[0134]|431|505)|$)/)
    expect(gateway.dials.slice(before)).toEqual([])
  })
})

/** These get through, and this is what must or must not be heard. */
const passed: Record<string, { request: () => string; has?: RegExp; hasNot?: RegExp }> = {
  'a plain request': { request: () => get(), has: /^GET \/a HTTP\/1\.1\r\n/ },
  'absolute form of the same host': {
    request: () => crlf(`GET http://${host}/b?c HTTP/1.1`, `Host: ${host}`, ''),
    has: /^GET \/b\?c HTTP/,
  },
  'two slashes': {
    request: () => crlf('GET //evil.test/ HTTP/1.1', `Host: ${host}`, ''),
    has: /^GET \/\/evil/,
  },
  'dots in a path': {
    request: () => crlf('GET /../../b HTTP/1.1', `Host: ${host}`, ''),
    has: /^GET \/\.\.\/\.\.\/b /,
  },
  'a forged address': {
    request: () => get('X-Forwarded-For: 6.6.6.6'),
    has: /^x-forwarded-for: 127\.0\.0\.1\r$/im,
    hasNot: /6\.6\.6\.6/,
  },
  'a forged address with underscores': {
    request: () => get('X_Forwarded_For: 6.6.6.6'),
    hasNot: /6\.6\.6\.6/,
  },
  'a forged address with dots': {
    request: () => get('X.Forwarded.For: 6.6.6.6', 'X~Real~IP: 6.6.6.6'),
    hasNot: /6\.6\.6\.6/,
  },
  'forged addresses of other proxies': {
    request: () =>
      get(
        ...[
          'X-Forwarded',
          'CF-Connecting-IP',
          'Fastly-Client-IP',
          'True-Client-IP',
          'X-Client-IP',
          'Forwarded-For',
        ].map((name) => `${name}: 6.6.6.6`),
      ),
    hasNot: /6\.6\.6\.6/,
  },
  'a proxy for scripts': { request: () => get('Proxy: http://evil.test'), hasNot: /evil/ },
  'a forged scheme': {
    request: () => get('X-Forwarded-Proto: https'),
    has: /^x-forwarded-proto: http\r$/im,
    hasNot: /https/,
  },
  'a forged host': { request: () => get('X-Forwarded-Host: evil.test'), hasNot: /evil\.test/ },
  'a forged real address': { request: () => get('X-Real-IP: 6.6.6.6'), hasNot: /6\.6\.6\.6/ },
  'a forged Forwarded': { request: () => get('Forwarded: for=6.6.6.6'), hasNot: /6\.6\.6\.6/ },
  'a forged Via': { request: () => get('Via: 1.1 evil'), hasNot: /evil/ },
  'a rewritten address': { request: () => get('X-Original-URL: /admin'), hasNot: /admin/ },
  'a header of ours': { request: () => get('X-Gpulab-Team: evil'), hasNot: /evil/ },
  'a Connection that names what we add': {
    request: () => get('Connection: close, X-Forwarded-For'),
    has: /^x-forwarded-for: 127/im,
  },
  'a Connection that names the Host': { request: () => get('Connection: close, Host'), has: /^host: /im },
  'a Connection that names the length': {
    request: () => `${get('Connection: close, Content-Length', 'Content-Length: 2')}ab`,
    has: /^content-length: 2\r$/im,
  },
  'a Connection that names another field': {
    request: () => get('Connection: X-Secret', 'X-Secret: 1'),
    hasNot: /secret/i,
  },
  'Keep-Alive, TE and Trailer': {
    request: () => get('Keep-Alive: 5', 'TE: trailers', 'Trailer: X-A'),
    hasNot: /^(keep-alive|te|trailer):/im,
  },
  'credentials for a proxy': {
    request: () => get('Proxy-Authorization: Basic eA=='),
    hasNot: /proxy-authorization/i,
  },
  'an upgrade that is none': {
    request: () => get('Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AA'),
    hasNot: /^upgrade:/im,
  },
  'an API key': { request: () => get('Api-Key: gpulab_12345678_abc'), hasNot: /gpulab_/ },
  'an API key as a bearer': {
    request: () => get('Authorization: Bearer gpulab_12345678_abc'),
    hasNot: /gpulab_/,
  },
  "the container's own credentials": {
    request: () => get('Authorization: Basic eA=='),
    has: /^authorization: Basic eA==\r$/im,
  },
  'cookies of ours among others': {
    request: () => get('Cookie: a=1; gpulab-port=x; __Host-gpulab-port=y; b=2'),
    has: /^cookie: a=1; b=2\r$/im,
  },
  chunks: {
    request: () =>
      `${crlf('POST /a HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: CHUNKED', '')}2\r\nab\r\n0\r\n\r\n`,
    has: /\r\n\r\n2\r\nab\r\n0\r\n\r\n$/,
  },
  'chunks with an extension and a trailer': {
    request: () =>
      `${crlf('POST /a HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: chunked', '')}2;x=y\r\nab\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n`,
    hasNot: /6\.6\.6\.6|x=y/,
  },
  'HTTP/1.0': { request: () => crlf('GET /a HTTP/1.0', `Host: ${host}`, ''), has: /^GET \/a HTTP\/1\.1/ },
}

describe('a request with tricks that do not matter', () => {
  it.each(Object.entries(passed))(
    'is passed on without them: %s',
    async (_name, { request, has, hasNot }) => {
      const before = upstream.heard.map((text) => text.length)
      const answer = await gateway.raw(request())
      expect(answer).toMatch(/^HTTP\/1\.1 200/)
      const heard = upstream.heard.map((text, index) => text.slice(before[index] ?? 0)).join('')
      expect(heard.match(/HTTP\/1\.1\r\n/g)).toHaveLength(1)
      if (has) expect(heard).toMatch(has)
      if (hasNot) expect(heard).not.toMatch(hasNot)
      expect(other.heard).toEqual([])
    },
  )
})
