import { toProofText } from '@gpulab/contract'
import { generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  createChallenge,
  createSession,
  isChallengeValid,
  isProof,
  isSessionOf,
  readSession,
  toFingerprint,
} from './session.ts'

const pepper = 'a pepper for the tests'
const now = new Date('2026-01-01T00:00:00Z')
const after = (ms: number): Date => new Date(now.getTime() + ms)
const flip = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

describe('a challenge', () => {
  const challenge = createChallenge(pepper, now)

  it.each([
    [0, true],
    [60_000, true],
    [60_001, false],
    // Of a replica whose clock is ahead.
    [-60_000, true],
    [-60_001, false],
    [86_400_000, false],
  ])('after %d ms: %j', (ms, valid) => expect(isChallengeValid(pepper, challenge, after(ms))).toBe(valid))

  it('is new each time, and fits the contract', () => {
    expect(createChallenge(pepper, now)).not.toBe(challenge)
    expect(challenge).toMatch(/^[A-Za-z0-9_-]{1,512}$/)
  })

  it('cannot be changed in any place, lengthened, cut or written another way', () => {
    const forged = [
      ...Array.from(challenge, (_, at) => flip(challenge, at)),
      challenge.slice(1),
      `${challenge}A`,
      `${challenge}=`,
      ` ${challenge}`,
      '',
    ]
    expect(forged.filter((text) => isChallengeValid(pepper, text, now))).toEqual([])
    expect(isChallengeValid('another pepper', challenge, now)).toBe(false)
  })
})

describe('a session', () => {
  const publicKey = randomBytes(32)
  const session = {
    hostUuid: randomUUID(),
    fingerprint: toFingerprint(publicKey),
    expiresAt: after(1000),
    number: 7,
  }
  const token = createSession(pepper, session)

  it('says whose it is', () => {
    expect(readSession(pepper, token)).toEqual(session)
    expect(token.length).toBeLessThan(500)
  })

  it('cannot be changed in any place, lengthened, cut or written another way', () => {
    const forged = [
      ...Array.from(token, (_, at) => flip(token, at)),
      token.slice('gpulabhost_'.length),
      `${token}A`,
      `${token}=`,
      '',
      'gpulabhost_',
    ]
    expect(forged.filter((text) => readSession(pepper, text))).toEqual([])
    expect(readSession('another pepper', token)).toBeUndefined()
  })

  it('is no challenge, nor a challenge a session', () => {
    expect(isChallengeValid(pepper, token.slice('gpulabhost_'.length), now)).toBe(false)
    expect(readSession(pepper, `gpulabhost_${createChallenge(pepper, now)}`)).toBeUndefined()
  })

  it('belongs to one key, and never to a host that has none', () => {
    expect(isSessionOf(session, publicKey)).toBe(true)
    expect(isSessionOf(session, randomBytes(32))).toBe(false)
    const ofNoKey = { ...session, fingerprint: toFingerprint(Buffer.alloc(0)) }
    expect(isSessionOf(ofNoKey, Buffer.alloc(0))).toBe(false)
  })
})

describe('a proof', () => {
  const make = () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    return { raw, sign: (text: string) => sign(null, Buffer.from(text), privateKey).toString('base64url') }
  }
  const [one, other] = [make(), make()]
  const text = toProofText('connect', 'challenge', 'subject')

  it('holds for its key and its text alone', () => {
    expect(isProof(one.raw, text, one.sign(text))).toBe(true)
    expect(isProof(other.raw, text, one.sign(text))).toBe(false)
    for (const wrong of [
      toProofText('join', 'challenge', 'subject'),
      toProofText('connect', 'other', 'subject'),
      toProofText('connect', 'challenge', 'other'),
    ]) {
      expect(isProof(one.raw, wrong, one.sign(text))).toBe(false)
    }
  })

  it.each([
    ['no key', Buffer.alloc(0), 'A'.repeat(86)],
    ['a short key', Buffer.alloc(31), 'A'.repeat(86)],
    ['a key that is no point', Buffer.alloc(32, 0xff), 'A'.repeat(86)],
    ['no signature', Buffer.alloc(32, 1), ''],
    ['a long signature', Buffer.alloc(32, 1), 'A'.repeat(200)],
  ])('is none with %s', (_, key, signature) => expect(isProof(key, text, signature)).toBe(false))
})
