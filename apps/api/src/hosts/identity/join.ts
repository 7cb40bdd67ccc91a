import {
  type control,
  GpulabError,
  type HandlerInput,
  type HandlerResult,
  toProofText,
} from '@gpulab/contract'
import { findKeyId, hashKey, isSameHash } from '../../auth/api-keys.ts'
import type { Transaction } from '../../db/connect.ts'
import type { Deps } from '../../deps.ts'
import {
  createSession,
  isChallengeValid,
  isProof,
  publicKeyBytes,
  sessionSeconds,
  toFingerprint,
} from './session.ts'
import { isSilent } from '../../containers/view.ts'
import { insertHostEvent } from '../events/store.ts'
import type { SpentChallenges } from './spent-challenges.ts'
import {
  countConnect,
  findHostIdentity,
  findJoinToken,
  insertHost,
  type JoinTokenRow,
  lockHostOfName,
  lockJoinToken,
  rekeyHost,
  useJoinToken,
} from './store.ts'

type JoinDeps = Pick<Deps, 'db' | 'config' | 'clock'>
type JoinBody = HandlerInput<typeof control.join.join>['body']
type ConnectBody = HandlerInput<typeof control.join.connect>['body']

const tokenHint =
  'Ask an administrator for a new one: gpulab hosts add, or gpulab-api invite where the API runs.'

/**
 * Makes a machine a host. A token that names a host gives an existing one of that name to this machine's key, unless it
 * is connected; any other only makes new ones. A repetition with the same key is the same join, since its answer may have been lost.
 */
export async function joinHost(
  deps: JoinDeps,
  body: JoinBody,
): Promise<HandlerResult<typeof control.join.join>> {
  requireChallenge(deps, body.challenge)
  const publicKey = Buffer.from(body.public_key, 'base64url')
  requireProof(publicKey, toProofText('join', body.challenge, body.public_key), body.signature)
  const { id } = await findToken(deps, body.token)
  return deps.db.transaction(async (tx) => {
    const token = await lockJoinToken(tx, id)
    if (!token) throw new GpulabError('join_token_invalid', { hint: tokenHint })
    const name = token.hostName ?? body.name
    const existing = await lockHostOfName(tx, name)
    if (existing?.publicKey.equals(publicKey)) return { host_uuid: existing.uuid, name }
    if (token.usesLeft < 1) {
      throw new GpulabError('join_token_invalid', {
        message: 'The join token has been used up.',
        hint: tokenHint,
      })
    }
    if (existing && token.hostName === null) throw nameTaken(name)
    if (existing && !isSilent(existing.lastSeenAt, deps.clock.now())) throw connected(name)
    const uuid = await takeName(tx, { existing, name, publicKey, token }, deps.clock.now())
    return { host_uuid: uuid, name }
  })
}

interface NewKey {
  readonly existing: { readonly uuid: string } | undefined
  readonly name: string
  readonly publicKey: Buffer
  readonly token: JoinTokenRow
}

async function takeName(
  tx: Transaction,
  { existing, name, publicKey, token }: NewKey,
  now: Date,
): Promise<string> {
  await useJoinToken(tx, token.id)
  if (existing) await rekeyHost(tx, existing.uuid, publicKey, now)
  const hostUuid = existing?.uuid ?? (await insertHost(tx, { name, publicKey }, now))
  if (hostUuid === undefined) throw nameTaken(name)
  const message = `Joined with token ${token.id}, key SHA256:${toFingerprint(publicKey).toString('base64url')}.`
  await insertHostEvent(tx, { hostUuid, type: existing ? 'rejoined' : 'joined', message, at: now })
  return hostUuid
}

const nameTaken = (name: string): GpulabError =>
  new GpulabError('host_name_taken', {
    message: `A host named ${name} exists already.`,
    hint: `Choose another name with --host-name; or, if this machine is that host, join with a token for that name: gpulab hosts add ${name}.`,
  })

/** Its agent would be cut off, and its containers be unknown to whoever has its name then. */
const connected = (name: string): GpulabError =>
  new GpulabError('host_wrong_state', {
    message: `Host ${name} is connected; its name is not given to another machine.`,
    hint: 'Stop the agent of that host and try again after 45 seconds, with the same token; or choose another name: gpulab hosts add NAME.',
  })

/** The token's row, whether used up or not; throws if it is none or has expired. */
async function findToken({ db, config, clock }: JoinDeps, token: string): Promise<JoinTokenRow> {
  const id = findKeyId(token, 'gpulabjoin')
  const row = id === undefined ? undefined : await findJoinToken(db, id)
  if (!row || !isSameHash(row.hash, hashKey(config.pepper, token))) {
    throw new GpulabError('join_token_invalid', { hint: tokenHint })
  }
  if (row.expiresAt <= clock.now()) {
    throw new GpulabError('join_token_invalid', {
      message: `The join token expired on ${row.expiresAt.toISOString()}.`,
      hint: tokenHint,
    })
  }
  return row
}

/** Gives a host that proves its key a session. Unknown, removed and re-keyed hosts hear the same. */
export async function connectHost(
  deps: JoinDeps & { readonly spent: SpentChallenges },
  body: ConnectBody,
): Promise<HandlerResult<typeof control.join.connect>> {
  requireChallenge(deps, body.challenge)
  const host = await findHostIdentity(deps.db, body.host_uuid)
  const publicKey = host?.publicKey ?? nobody
  requireProof(publicKey, toProofText('connect', body.challenge, body.host_uuid), body.signature)
  // A join needs no such memory: it gives nothing away, and repeated with the same key it is the same join.
  if (!deps.spent.spend(body.challenge)) {
    throw new GpulabError('host_proof_invalid', {
      message: 'The challenge has been answered before.',
      hint: 'Get a new one.',
    })
  }
  const expiresAt = new Date(deps.clock.now().getTime() + sessionSeconds * 1000)
  const number = await countConnect(deps.db, body.host_uuid)
  if (number === undefined) throw new GpulabError('host_proof_invalid')
  const session = { hostUuid: body.host_uuid, fingerprint: toFingerprint(publicKey), expiresAt, number }
  return {
    session: createSession(deps.config.pepper, session),
    expires_at: expiresAt.toISOString(),
    expires_in: sessionSeconds,
  }
}

/** No key: nobody can prove it. */
const nobody = Buffer.alloc(0)

function requireChallenge({ config, clock }: Pick<Deps, 'config' | 'clock'>, challenge: string): void {
  if (isChallengeValid(config.pepper, challenge, clock.now())) return
  throw new GpulabError('host_proof_invalid', {
    message: 'The challenge is not of this control plane, or was not answered in time.',
    hint: 'Get a new one. If that does not help, the replicas of the API do not share one pepper.',
  })
}

function requireProof(publicKey: Buffer, text: string, signature: string): void {
  if (publicKey.length === publicKeyBytes && isProof(publicKey, text, signature)) return
  throw new GpulabError('host_proof_invalid', {
    hint: 'Was it removed, or its name given to another machine? Then join again: gpulab-agent join.',
  })
}
