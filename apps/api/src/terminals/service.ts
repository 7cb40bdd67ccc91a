import { api, GpulabError } from '@gpulab/contract'
import { randomBytes, randomUUID } from 'node:crypto'
import { type Principal, principalOfKey } from '../auth/authenticate.ts'
import { authorize } from '../auth/authorize.ts'
import { getRecord, getRunning } from '../containers/service.ts'
import { urlOfTerminal } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { claimSession, hasSessionLimit } from '../quotas/claim-session.ts'
import { type Grant, sealGrant, unsealGrant } from '../secrets/grant.ts'
import { spendTicket } from './store.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

const ticketSeconds = 60
/** As long as a session is kept that nobody is attached to. */
const passSeconds = 24 * 3600

/** A ticket for a new terminal; what it opens is a session with an id that is chosen here. */
export async function createTerminal(deps: Parts, principal: Principal, uuid: string) {
  const { row } = await getRunning(deps, principal, uuid)
  const url = urlOfTerminal(deps.config.proxyUrl, row.uuid)
  if (url === null) throw new GpulabError('not_available', { message: 'This installation has no gateway.' })
  const grant = { containerUuid: row.uuid, keyId: principal.keyId, sessionId: randomUUID() }
  const { ticket, expiresAt } = makeTicket(deps, grant)
  return {
    websocket_url: `${url.replace(/^http/, 'ws')}/ws`,
    token: ticket,
    expires_at: expiresAt.toISOString(),
    url: `${url}/#${ticket}`,
  }
}

type Terminal = Pick<Grant, 'containerUuid' | 'keyId'> & { readonly sessionId: string }

function makeTicket({ config, clock }: Pick<Parts, 'config' | 'clock'>, terminal: Terminal) {
  const expiresAt = new Date(clock.now().getTime() + ticketSeconds * 1000)
  const nonce = randomBytes(16).toString('base64url')
  const ticket = sealGrant(config.pepper, 'terminal-ticket', { ...terminal, nonce, expiresAt })
  return { ticket, expiresAt }
}

/** Uses a ticket up. */
export async function openTerminal(deps: Parts & Pick<Deps, 'uplinks'>, uuid: string, text: string) {
  const { config, clock, db } = deps
  const grant = unsealGrant(config.pepper, 'terminal-ticket', text, clock.now())
  const { sessionId, principal } = await requireHolder(deps, grant, uuid)
  if (grant?.nonce === undefined || !(await spendTicket(db, grant.nonce, grant.expiresAt))) throw invalid()
  const isLimited = await hasSessionLimit(deps, principal)
  await claimSession(deps, principal, { id: sessionId, containerUuid: uuid }, isLimited)
  const { containerUuid, keyId } = grant
  const { pass, expiresAt } = makePass(deps, { containerUuid, keyId, sessionId })
  return { session_id: sessionId, pass, expires_at: expiresAt.toISOString() }
}

function makePass({ config, clock }: Pick<Parts, 'config' | 'clock'>, terminal: Terminal) {
  const expiresAt = new Date(clock.now().getTime() + passSeconds * 1000)
  return { pass: sealGrant(config.pepper, 'terminal-pass', { ...terminal, expiresAt }), expiresAt }
}

/** Another ticket for the terminal of a page that has been let in, and another pass. */
export async function renewTerminal(deps: Parts, uuid: string, pass: string) {
  const grant = unsealGrant(deps.config.pepper, 'terminal-pass', pass, deps.clock.now())
  const { containerUuid, keyId, sessionId } = await requireHolder(deps, grant, uuid)
  const terminal = { containerUuid, keyId, sessionId }
  const { ticket, expiresAt } = makeTicket(deps, terminal)
  const { pass: later } = makePass(deps, terminal)
  return { session_id: sessionId, ticket, expires_at: expiresAt.toISOString(), pass: later }
}

/** The terminal of a grant for this container, whose key still counts and still has this container. */
async function requireHolder(
  deps: Parts,
  grant: Grant | undefined,
  uuid: string,
): Promise<Terminal & { readonly principal: Principal }> {
  if (grant?.containerUuid !== uuid || grant.sessionId === undefined) throw invalid()
  const { containerUuid, keyId, sessionId } = grant
  const principal = await principalOfKey(deps, keyId)
    .then((found) => {
      authorize(api.terminals.create, found)
      return found
    })
    .catch((cause: unknown) => {
      throw cause instanceof GpulabError ? invalid(cause) : cause
    })
  await getRecord(deps, principal, uuid)
  return { containerUuid, keyId, sessionId, principal }
}

const invalid = (cause?: unknown): GpulabError =>
  new GpulabError('terminal_ticket_invalid', { hint: 'gpulab ssh CONTAINER --web opens a new one.', cause })
