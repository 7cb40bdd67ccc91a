import { GpulabError } from '@gpulab/contract'
import type { FastifyRequest } from 'fastify'
import type { ShareNext } from '../db/share-next.ts'
import type { Deps } from '../deps.ts'
import { isSessionOf, readSession, sessionSeconds } from '../hosts/identity/session.ts'
import { findHostIdentity } from '../hosts/identity/store.ts'
import { findKeyId, hashKey, isSameHash } from './api-keys.ts'
import { type ApiKeyRow, findApiKey } from './store.ts'

/** Who a request of a user is made by. */
export type Principal = Pick<
  ApiKeyRow,
  'userUuid' | 'email' | 'teamUuid' | 'teamName' | 'role' | 'isAdministrator' | 'scopes' | 'expiresAt'
> & {
  readonly keyId: string
  readonly keyName: string
}

/** A host's agent, as it has proven itself. */
export interface HostPrincipal {
  readonly hostUuid: string
  readonly hostName: string
  /** The key that it proved. Whoever reads the host later than this sees whether it still is that one. */
  readonly publicKey: Buffer
  /** Of the session; a later one has a greater one. */
  readonly sessionNumber: number
}

const keyHint = 'Log in with gpulab auth login, or set GPULAB_API_KEY.'

/** Finds who made the request; the key is in `api-key` or `authorization: Bearer`. */
export async function authenticate(
  deps: Pick<Deps, 'db' | 'config' | 'clock'>,
  request: FastifyRequest,
  share?: ShareNext<ApiKeyRow | undefined>,
): Promise<Principal> {
  const key = header(request, 'api-key') ?? bearer(request)
  if (key === undefined) throw new GpulabError('api_key_missing', { hint: keyHint })
  return authenticateKey(deps, key, share)
}

/** Finds whose key it is. */
export async function authenticateKey(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  key: string,
  share: ShareNext<ApiKeyRow | undefined> = (_id, ask) => ask(),
): Promise<Principal> {
  const id = findKeyId(key)
  const row = id === undefined ? undefined : await share(id, () => findApiKey(db, id))
  if (!row || !isSameHash(row.hash, hashKey(config.pepper, key))) {
    throw new GpulabError('api_key_invalid', { hint: keyHint })
  }
  return toPrincipal(row, clock.now())
}

/** Whose key made what was sealed with its id, if that one still counts. */
export async function principalOfKey(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  keyId: string,
): Promise<Principal> {
  const row = await findApiKey(db, keyId)
  if (!row) throw new GpulabError('api_key_invalid', { hint: keyHint })
  return toPrincipal(row, clock.now())
}

function toPrincipal(row: ApiKeyRow, now: Date): Principal {
  if (row.revokedAt !== null) throw new GpulabError('api_key_invalid', { hint: keyHint })
  if (row.expiresAt !== null && row.expiresAt <= now) {
    throw new GpulabError('api_key_invalid', {
      message: `The API key expired on ${row.expiresAt.toISOString()}.`,
      hint: keyHint,
    })
  }
  if (row.disabledAt !== null) {
    throw new GpulabError('api_key_invalid', {
      message: `The user ${row.email} is disabled.`,
      hint: 'Ask your administrator.',
    })
  }
  const { id: keyId, name: keyName, hash: _hash, revokedAt: _revoked, disabledAt: _disabled, ...known } = row
  return { keyId, keyName, ...known }
}

export const sessionInvalid = (): GpulabError =>
  new GpulabError('host_session_invalid', { hint: 'The agent has to prove its key again.' })

/**
 * Finds which host made the request. A session ends with its time, and at once when its host is removed or has
 * another key. `maxAgeMs` asks for a session no older than that, for what outlives it.
 */
export async function authenticateHost(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  request: FastifyRequest,
  { maxAgeMs = sessionSeconds * 1000 }: { maxAgeMs?: number } = {},
): Promise<HostPrincipal> {
  const session = readSession(config.pepper, bearer(request) ?? '')
  const leftMs = (session?.expiresAt.getTime() ?? 0) - clock.now().getTime()
  if (!session || leftMs <= sessionSeconds * 1000 - maxAgeMs) throw sessionInvalid()
  const host = await findHostIdentity(db, session.hostUuid)
  if (!host || !isSessionOf(session, host.publicKey)) throw sessionInvalid()
  return {
    hostUuid: host.uuid,
    hostName: host.name,
    publicKey: host.publicKey,
    sessionNumber: session.number,
  }
}

/** A gateway shows the key that it shares with the API. */
export async function authenticateGateway(
  { config }: Pick<Deps, 'config'>,
  request: FastifyRequest,
): Promise<undefined> {
  const { gatewayKey, pepper } = config
  const shown = bearer(request) ?? ''
  // As hashes they are of one length, whatever was shown.
  if (gatewayKey !== undefined && isSameHash(hashKey(pepper, gatewayKey), hashKey(pepper, shown))) return
  throw new GpulabError('gateway_key_invalid', {
    hint: 'API and gateways read the same GPULAB_GATEWAY_KEY_FILE.',
  })
}

function header({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const bearer = (request: FastifyRequest): string | undefined =>
  /^Bearer +(\S+)$/i.exec(header(request, 'authorization') ?? '')?.[1]
