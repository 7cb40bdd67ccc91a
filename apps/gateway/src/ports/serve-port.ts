import type { Route } from '@gpulab/contract'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Deps } from '../deps.ts'
import type { Forwarding } from '../requests/forward-headers.ts'
import { toSetCookie } from '../requests/cookies.ts'
import { getHost, getMode } from '../routes/read-route.ts'
import { toUplinkName } from '../uplinks/uplink-name.ts'
import { cookieName, type Entry, enterPort, type Visit } from './enter-port.ts'
import { lookAgain } from './look-again.ts'
import { mayStay } from './may-stay.ts'
import { proxyRequest } from './proxy-request.ts'
import { proxyUpgrade } from './proxy-upgrade.ts'

/** A request for a container's port. */
export interface PortRequest {
  readonly request: IncomingMessage
  readonly uuid: string
  readonly port: number
  readonly path: string
  readonly forwarding: Forwarding
}

type Parts = Pick<Deps, 'config' | 'routes' | 'admissions' | 'strangers' | 'pool' | 'connectPort'>

const day = 24 * 3600

export async function servePort(deps: Parts, call: PortRequest, response: ServerResponse): Promise<void> {
  const { route, entry, visit } = await enter(deps, call, false)
  if (entry.kind === 'redirect') return redirect(response, entry, call.forwarding)
  lookAgain(mayStay(deps, visit), response)
  const { request, forwarding } = call
  return proxyRequest(
    { request, response, target: toTarget(route, call), path: entry.path, forwarding },
    { pool: deps.pool, answerTimeoutMs: deps.config.answerTimeoutMs },
  )
}

export async function upgradePort(
  deps: Parts,
  call: PortRequest,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { route, entry, visit } = await enter(deps, call, true)
  lookAgain(mayStay(deps, visit), socket)
  const { request, forwarding } = call
  return proxyUpgrade(
    { request, socket, head, target: toTarget(route, call), path: entry.path, forwarding },
    { connectPort: deps.connectPort, answerTimeoutMs: deps.config.answerTimeoutMs },
  )
}

async function enter(
  deps: Parts,
  call: PortRequest,
  isUpgrade: boolean,
): Promise<{ route: Route; entry: Entry; visit: Visit }> {
  const { uuid, port, path, forwarding } = call
  const toll = deps.strangers(forwarding.addresses[0])
  const route = await deps.routes.find(uuid, toll)
  const { host, proto } = forwarding
  const { hostname: domain } = deps.config.proxyUrl
  // Not the request itself: it is kept for as long as the connection.
  const { method, headers, rawHeaders } = call.request
  const request = { ...(method !== undefined && { method }), headers, rawHeaders }
  const visit = { request, isUpgrade, uuid, port, mode: getMode(route, port), host, path, proto, domain }
  return { route, entry: await enterPort(visit, deps.admissions, toll), visit }
}

const toTarget = (route: Route, { uuid, port }: PortRequest) => ({
  host: toUplinkName(getHost(route)),
  uuid,
  port,
})

/** The link itself stays in no history and is told to nobody. */
function redirect(
  response: ServerResponse,
  { path, cookie, until }: Entry & { kind: 'redirect' },
  { proto }: Forwarding,
): void {
  const leftSeconds = until ? Math.max(0, Math.floor((until.getTime() - Date.now()) / 1000)) : day
  response.writeHead(302, {
    // Two slashes at the beginning, of whatever kind, would lead to another host.
    location: path.replace(/^[/\\]{2,}/, '/'),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-length': 0,
    ...(cookie !== undefined && {
      'set-cookie': toSetCookie(
        { name: cookieName, value: cookie },
        { proto, maxAgeSeconds: leftSeconds, sameSite: 'Lax' },
      ),
    }),
  })
  response.end()
}
