import { challengeSeconds } from '@gpulab/contract'
import { createHash, createPublicKey, randomBytes, timingSafeEqual, verify } from 'node:crypto'
import { seal, unseal } from '../../secrets/seal.ts'

/** How long a session is good for. */
export const sessionSeconds = 15 * 60

const nonceBytes = 16
const integerBytes = 8
const uuidBytes = 16
const fingerprintBytes = 32
export const publicKeyBytes = 32
const signatureBytes = 64

/** Says whose a token is when it turns up in a log or in the wrong place. */
const sessionPrefix = 'gpulabhost_'

function toInteger(value: number): Buffer {
  const bytes = Buffer.alloc(integerBytes)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** A challenge that any replica can check without having kept it. */
export const createChallenge = (pepper: string, now: Date): string =>
  seal(pepper, 'host-challenge', Buffer.concat([toInteger(now.getTime()), randomBytes(nonceBytes)]))

/** Whether the challenge is ours and young enough. Clocks of replicas may differ a little, either way. */
export function isChallengeValid(pepper: string, challenge: string, now: Date): boolean {
  const payload = unseal(pepper, 'host-challenge', challenge)
  if (payload?.length !== integerBytes + nonceBytes) return false
  return Math.abs(now.getTime() - Number(payload.readBigUInt64BE())) <= challengeSeconds * 1000
}

export const toFingerprint = (publicKey: Uint8Array): Buffer =>
  createHash('sha256').update(publicKey).digest()

/** What a session says; who holds it proved `fingerprint`'s key as the host. */
export interface Session {
  readonly hostUuid: string
  readonly fingerprint: Uint8Array
  readonly expiresAt: Date
  /** Greater than that of every earlier session of the host. */
  readonly number: number
}

export function createSession(pepper: string, { hostUuid, fingerprint, expiresAt, number }: Session): string {
  const payload = [toBytes(hostUuid), fingerprint, toInteger(expiresAt.getTime()), toInteger(number)]
  return sessionPrefix + seal(pepper, 'host-session', Buffer.concat(payload))
}

/** What a session token says, or undefined if it is none of ours. Whether it has expired is not looked at. */
export function readSession(pepper: string, token: string): Session | undefined {
  if (!token.startsWith(sessionPrefix)) return undefined
  const text = token.slice(sessionPrefix.length)
  const payload = unseal(pepper, 'host-session', text)
  if (payload?.length !== uuidBytes + fingerprintBytes + 2 * integerBytes) return undefined
  const end = uuidBytes + fingerprintBytes
  return {
    hostUuid: toUuid(payload.subarray(0, uuidBytes)),
    fingerprint: payload.subarray(uuidBytes, end),
    expiresAt: new Date(Number(payload.readBigUInt64BE(end))),
    number: Number(payload.readBigUInt64BE(end + integerBytes)),
  }
}

/** Whether the session was given for this key, in constant time. A host of before has no key, and so no session. */
export const isSessionOf = ({ fingerprint }: Session, publicKey: Uint8Array): boolean =>
  publicKey.length === publicKeyBytes && timingSafeEqual(fingerprint, toFingerprint(publicKey))

/** Whether the signature (base64url) of the text was made with the private key of this raw Ed25519 key. */
export function isProof(publicKey: Uint8Array, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url')
  if (bytes.length !== signatureBytes || publicKey.length !== publicKeyBytes) return false
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, Buffer.from(text, 'utf8'), key, bytes)
}

const toBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')

const toUuid = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
