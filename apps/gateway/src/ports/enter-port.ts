import { GpulabError, type PortMode } from '@gpulab/contract'
import type { IncomingMessage } from 'node:http'
import { originOf } from '../requests/check-origin.ts'
import { valuesOf } from '../requests/check-request.ts'
import { cookiesOf, toCookieName } from '../requests/cookies.ts'
import type { Toll } from '../requests/strangers.ts'
import type { Admissions } from './admissions.ts'
import { splitLink } from './split-link.ts'

export const cookieName = 'gpulab-port'

export interface Visit {
  readonly request: Pick<IncomingMessage, 'method' | 'headers' | 'rawHeaders'>
  readonly isUpgrade: boolean
  readonly uuid: string
  readonly port: number
  readonly mode: PortMode
  readonly host: string
  readonly path: string
  readonly proto: 'http' | 'https'
  readonly domain: string
}

export type Entry =
  /** The path is without what has let it in. */
  | { readonly kind: 'in'; readonly path: string }
  /** With a cookie, and from then on without the link. */
  | {
      readonly kind: 'redirect'
      readonly path: string
      readonly cookie: string | undefined
      readonly until: Date | null
    }

/** Decides whether a request reaches a port. Throws what is to be said where it does not. */
export async function enterPort(visit: Visit, admissions: Admissions, toll?: Toll): Promise<Entry> {
  const { request, isUpgrade, uuid, port, mode, path, proto } = visit
  const origin = originOf(valuesOf(request.rawHeaders, 'origin'), visit)
  // A page of somebody else must not use what its visitor's browser would let it.
  if (isUpgrade && origin === 'foreign') throw foreign()
  const link = splitLink(path)
  if (mode === 'public') {
    if (link && !isUpgrade) return { kind: 'redirect', path: link.path, cookie: undefined, until: null }
    return { kind: 'in', path: link?.path ?? path }
  }
  const ask = (credential: string) => admissions.ask({ uuid, port, credential }, toll)
  const key = ownKeyOf(request.headers)
  if (key !== undefined) {
    await ask(key)
    return { kind: 'in', path: link?.path ?? path }
  }
  if (link) {
    const until = await ask(link.token)
    if (isUpgrade) return { kind: 'in', path: link.path }
    return { kind: 'redirect', path: link.path, cookie: link.token, until }
  }
  const tokens = cookiesOf(request.headers.cookie, toCookieName(cookieName, proto))
  if (tokens.length === 0) throw missing(port)
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  if (origin !== 'own' && (isUpgrade || (origin === 'foreign' && !isSafe))) throw foreign()
  // Several, where another page has set one: a wrong one must not keep the right one from counting.
  await Promise.any(tokens.slice(0, cookiesMax).map(ask)).catch((error: AggregateError) => {
    throw (
      error.errors.find((each) => !(each instanceof GpulabError && each.code === 'port_private')) ??
      error.errors[0]
    )
  })
  return { kind: 'in', path }
}

const cookiesMax = 4

function ownKeyOf(headers: IncomingMessage['headers']): string | undefined {
  const { 'api-key': key, authorization } = headers
  const [, bearer] = /^Bearer +(gpulab_\S+)$/i.exec(authorization ?? '') ?? []
  return typeof key === 'string' && key.startsWith('gpulab_') ? key : bearer
}

const foreign = (): GpulabError =>
  new GpulabError('origin_refused', {
    message: 'A page of another site may not connect here with the rights of its visitor.',
    hint: 'Connect from a page of the same container, or from a program, without Origin.',
  })

const missing = (port: number): GpulabError =>
  new GpulabError('port_private', {
    message: 'This port is private: it opens with an API key or a signed link.',
    hint: `gpulab ports url CONTAINER ${port} makes a link.`,
  })
