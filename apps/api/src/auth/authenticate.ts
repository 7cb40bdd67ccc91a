import { GpulabError, type Scope } from '@gpulab/contract'
import type { FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { findKeyId, hashKey, isSameHash } from './api-keys.ts'
import { type ApiKeyRow, ensureHost, findApiKey } from './store.ts'

/** Who a request of a user is made by. */
export type Principal = Pick<
  ApiKeyRow,
  'userUuid' | 'email' | 'teamUuid' | 'teamName' | 'scopes' | 'expiresAt'
> & {
  readonly keyId: string
  readonly keyName: string
}

/** A host's agent. */
export interface HostPrincipal {
  readonly hostUuid: string
  readonly hostName: string
}

const keyHint = 'Log in with gpulab auth login, or set GPULAB_API_KEY.'

/** Finds who made the request; the key is in `api-key` or `authorization: Bearer`. */
export async function authenticate(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  request: FastifyRequest,
  scope: Scope,
): Promise<Principal> {
  const key = header(request, 'api-key') ?? bearer(request)
  if (key === undefined) throw new GpulabError('api_key_missing', { hint: keyHint })
  const id = findKeyId(key)
  const row = id === undefined ? undefined : await findApiKey(db, id)
  if (!row || !isSameHash(row.hash, hashKey(config.pepper, key)) || row.revokedAt !== null) {
    throw new GpulabError('api_key_invalid', { hint: keyHint })
  }
  if (row.expiresAt !== null && row.expiresAt <= clock.now()) {
    throw new GpulabError('api_key_invalid', {
      message: `The API key expired on ${row.expiresAt.toISOString()}.`,
      hint: keyHint,
    })
  }
  if (!row.scopes.includes(scope)) {
    throw new GpulabError('scope_missing', {
      message: `The API key lacks the scope "${scope}".`,
      hint: 'Ask your administrator for a key that has it.',
      details: { scope, scopes: row.scopes },
    })
  }
  const { id: keyId, name: keyName, userUuid, email, teamUuid, teamName, scopes, expiresAt } = row
  return { keyId, keyName, userUuid, email, teamUuid, teamName, scopes, expiresAt }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** For now: the token that all hosts share; the host says its name. */
export async function authenticateHost(
  { config, db, clock }: Pick<Deps, 'config' | 'db' | 'clock'>,
  request: FastifyRequest,
): Promise<HostPrincipal> {
  const token = bearer(request)
  const hostName = header(request, 'gpulab-host')
  if (token === undefined || !isSameHash(digest(token), digest(config.hostToken))) {
    throw new GpulabError('host_token_invalid')
  }
  if (hostName === undefined) throw new GpulabError('invalid_request')
  return { hostName, hostUuid: await ensureHost(db, hostName, clock.now()) }
}

function header({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const bearer = (request: FastifyRequest): string | undefined =>
  /^Bearer +(\S+)$/i.exec(header(request, 'authorization') ?? '')?.[1]
