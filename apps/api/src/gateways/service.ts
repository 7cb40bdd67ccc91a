import { api, GpulabError, type Route, uplinkSilenceSeconds } from '@gpulab/contract'
import { authenticateKey, type HostPrincipal, principalOfKey, sessionInvalid } from '../auth/authenticate.ts'
import { authorize } from '../auth/authorize.ts'
import { toPortModes } from '../containers/port-modes.ts'
import { getRecord } from '../containers/service.ts'
import { findAnyContainer } from '../containers/store.ts'
import { shownStatus } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { toFingerprint } from '../hosts/identity/session.ts'
import { findHostIdentity } from '../hosts/identity/store.ts'
import { unsealGrant } from '../secrets/grant.ts'
import { listReplicasSince } from '../replicas/store.ts'
import { listGatewaysSince, upsertGateway } from './store.ts'
import { createUplinkTicket, readUplinkTicket } from './uplink-ticket.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'config'>

export async function welcomeGateway(
  { db, clock, config }: Parts,
  uplinkUrl: string,
): Promise<{ proxy_url: string | null }> {
  await upsertGateway(db, uplinkUrl, clock.now())
  return { proxy_url: config.proxyUrl?.origin ?? null }
}

/** Whom a host keeps an uplink to. */
export async function listGateways({ db, clock, config }: Parts, { hostUuid, publicKey }: HostPrincipal) {
  const now = clock.now()
  const since = new Date(now.getTime() - uplinkSilenceSeconds * 1000)
  const [gateways, replicas] = await Promise.all([listGatewaysSince(db, since), listReplicasSince(db, since)])
  const fingerprint = toFingerprint(publicKey)
  const { ticket, expiresAt } = createUplinkTicket(config.pepper, { hostUuid, fingerprint }, now)
  return {
    gateways: gateways.map((url) => ({ uplink_url: url })),
    replicas: replicas.map((url) => ({ uplink_url: url })),
    ticket,
    expires_at: expiresAt.toISOString(),
  }
}

/** Says which host has shown this ticket to a gateway. */
export async function verifyHost({ db, clock, config }: Parts, text: string) {
  const ticket = readUplinkTicket(config.pepper, text, clock.now())
  const host = ticket && (await findHostIdentity(db, ticket.hostUuid))
  if (!host || !toFingerprint(host.publicKey).equals(ticket.fingerprint)) throw sessionInvalid()
  return { host_uuid: host.uuid, key: toKey(host.publicKey) }
}

/** Where a gateway finds a container, of whatever team. */
export async function findRoute({ db, clock }: Pick<Parts, 'db' | 'clock'>, uuid: string): Promise<Route> {
  const record = await findAnyContainer(db, uuid)
  if (!record) throw new GpulabError('container_not_found', { message: 'There is no such container.' })
  const { status, reason } = shownStatus(record, clock.now())
  const placed = status === 'running' && record.host
  const host = placed ? await findHostIdentity(db, placed.uuid) : undefined
  return {
    status,
    reason: reason?.message ?? null,
    host: host ? { uuid: host.uuid, key: toKey(host.publicKey) } : null,
    ports: toPortModes(record.row),
  }
}

/** Lets in who has a key of the container's team, or a link that such a key has made. Everybody else hears the same. */
export async function admit(
  deps: Parts,
  { uuid, port, credential }: { readonly uuid: string; readonly port: number; readonly credential: string },
): Promise<{ expires_at: string | null }> {
  try {
    const grant = unsealGrant(deps.config.pepper, 'port-link', credential, deps.clock.now())
    if (grant && (grant.containerUuid !== uuid || grant.port !== port)) throw notLetIn()
    const principal = grant
      ? await principalOfKey(deps, grant.keyId)
      : await authenticateKey(deps, credential)
    authorize(grant ? api.ports.link : api.ports.connect, principal)
    await getRecord(deps, principal, uuid)
    return { expires_at: (grant?.expiresAt ?? principal.expiresAt)?.toISOString() ?? null }
  } catch (cause) {
    throw cause instanceof GpulabError ? notLetIn(cause) : cause
  }
}

const notLetIn = (cause?: unknown): GpulabError =>
  new GpulabError('port_private', {
    message: 'This port is private, and the key or link does not open it.',
    hint: 'gpulab ports url CONTAINER PORT makes a link.',
    cause,
  })

const toKey = (publicKey: Buffer): string => toFingerprint(publicKey).toString('base64url')
