import { GpulabError } from '@gpulab/contract'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Deps } from '../deps.ts'
import { isSameOrigin } from '../requests/check-origin.ts'
import { valuesOf } from '../requests/check-request.ts'
import { cookiesOf, toCookieName, toSetCookie } from '../requests/cookies.ts'
import type { Forwarding } from '../requests/forward-headers.ts'
import { findAgent } from './find-agent.ts'

const cookieName = 'gpulab-terminal'
const bodyMaxBytes = 4096
const answerMs = 10_000

interface TokenCall {
  readonly request: IncomingMessage
  readonly uuid: string
  readonly forwarding: Forwarding
}

/**
 * `/token`, as ttyd's page asks for it. POST uses the ticket of a link up for a cookie; GET gives whoever has that a
 * fresh ticket, and an empty one to others, as ttyd does; DELETE forgets the cookie.
 */
export async function serveToken(
  deps: Pick<Deps, 'control' | 'routes' | 'uplinks' | 'strangers'>,
  call: TokenCall,
  response: ServerResponse,
): Promise<void> {
  const { request, uuid, forwarding } = call
  const { proto, host, addresses } = forwarding
  const toll = deps.strangers(addresses[0])
  if (request.method === 'GET') {
    const [pass] = cookiesOf(request.headers.cookie, toCookieName(cookieName, proto))
    return tell(response, pass === undefined ? '' : await toll(() => renew(deps, uuid, pass)))
  }
  // A page of another container could send its visitor's cookie along, or plant one.
  if (!isSameOrigin(valuesOf(request.rawHeaders, 'origin'), host)) {
    throw new GpulabError('origin_refused', { message: 'Only the terminal page may ask for this.' })
  }
  if (request.method === 'DELETE') return tell(response, '', cookie('', proto, 0))
  if (request.method !== 'POST')
    throw new GpulabError('route_not_found', { message: 'There is nothing at this address.' })
  const ticket = await readTicket(request)
  const { pass } = await toll(() =>
    deps.control.openTerminal({ body: { uuid, ticket } }, { timeoutMs: answerMs }),
  )
  const day = 24 * 3600
  return tell(response, await renew(deps, uuid, pass), cookie(pass, proto, day))
}

const cookie = (value: string, proto: 'http' | 'https', maxAgeSeconds: number): string =>
  toSetCookie({ name: cookieName, value }, { proto, maxAgeSeconds, sameSite: 'Strict' })

/** For as long as the session lives: one that has ended is not started anew by a reload. */
async function renew(
  deps: Pick<Deps, 'control' | 'routes' | 'uplinks'>,
  uuid: string,
  pass: string,
): Promise<string> {
  const { ticket, session_id: id } = await deps.control.renewTerminal(
    { body: { uuid, pass } },
    { timeoutMs: answerMs },
  )
  const agent = await findAgent(deps, uuid)
  const session = await agent.sessions
    .get({ params: { uuid, id } }, { timeoutMs: answerMs })
    .catch((error: unknown) => {
      if (error instanceof GpulabError && error.code === 'session_not_found') return undefined
      throw error
    })
  if (session && session.state !== 'running') {
    throw new GpulabError('terminal_ticket_invalid', {
      message: 'The session of this terminal has ended.',
      hint: 'gpulab ssh CONTAINER --web opens a new one.',
    })
  }
  return ticket
}

async function readTicket(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > bodyMaxBytes) break
  }
  const ticket = await Promise.resolve(text)
    .then((json) => (JSON.parse(json) as { ticket?: unknown } | null)?.ticket)
    .catch(() => undefined)
  if (typeof ticket === 'string') return ticket
  throw new GpulabError('invalid_request', { message: 'Send { "ticket": "…" }.' })
}

function tell(response: ServerResponse, token: string, setCookie?: string): void {
  const body = `${JSON.stringify({ token })}\n`
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(setCookie !== undefined && { 'set-cookie': setCookie }),
  })
  response.end(body)
}
