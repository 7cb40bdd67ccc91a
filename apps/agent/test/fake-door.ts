import { control, GpulabError, toProofText } from '@gpulab/contract'
import { createServe, type Server } from '@gpulab/http'
import { createPublicKey, randomUUID, verify } from 'node:crypto'

/** With which machines join, as often as they like. */
export const joinToken = 'test-join-token'

/** Where hosts join and prove their keys. */
export interface Door {
  /** Throws unless the header shows a session that was given here. */
  authenticate(authorization: string | undefined): void
  /** Takes none of the sessions that it has given any more, as if it had another pepper now. */
  endSessions(): void
  /** Does not know any host any more. */
  forgetHosts(): void
  /** How often a host has proven its key. */
  proofs(): number
  /** What whoever would join hears; undefined: a welcome. */
  refuseJoins(failure: GpulabError | undefined): void
  /** How often somebody has tried to join. */
  joins(): number
}

/** Serves `control.join` as a control plane does, with its hosts in memory. */
export function serveDoor(app: Server, { sessionSeconds = 900 }: { sessionSeconds?: number } = {}): Door {
  const serve = createServe(app, () => Promise.resolve(undefined))
  const keys = new Map<string, string>()
  const challenges = new Set<string>()
  const sessions = new Set<string>()
  let proofs = 0
  let joins = 0
  let refusal: GpulabError | undefined

  const requireProof = (publicKey: string, text: string, challenge: string, signature: string): void => {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
    const isGood = verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
    if (!challenges.delete(challenge) || !isGood) throw new GpulabError('host_proof_invalid')
  }
  serve(control.join.challenge, async () => {
    const challenge = randomUUID()
    challenges.add(challenge)
    return { challenge }
  })
  serve(control.join.join, async ({ body }) => {
    const { token, name, public_key: publicKey, challenge, signature } = body
    requireProof(publicKey, toProofText('join', challenge, publicKey), challenge, signature)
    joins++
    if (refusal) throw refusal
    if (token !== joinToken) throw new GpulabError('join_token_invalid')
    const uuid = [...keys].find(([, known]) => known === publicKey)?.[0] ?? randomUUID()
    keys.set(uuid, publicKey)
    return { host_uuid: uuid, name }
  })
  serve(control.join.connect, async ({ body: { host_uuid: uuid, challenge, signature } }) => {
    const publicKey = keys.get(uuid)
    if (publicKey === undefined) throw new GpulabError('host_proof_invalid')
    requireProof(publicKey, toProofText('connect', challenge, uuid), challenge, signature)
    const session = randomUUID()
    sessions.add(session)
    proofs++
    const expiresAt = new Date(Date.now() + sessionSeconds * 1000).toISOString()
    return { session, expires_at: expiresAt, expires_in: sessionSeconds }
  })
  return {
    authenticate: (authorization) => {
      const session = authorization?.replace(/^Bearer /, '') ?? ''
      if (!sessions.has(session)) throw new GpulabError('host_session_invalid')
    },
    endSessions: () => sessions.clear(),
    forgetHosts: () => {
      sessions.clear()
      keys.clear()
    },
    proofs: () => proofs,
    refuseJoins: (failure) => {
      refusal = failure
    },
    joins: () => joins,
  }
}
