import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parsePublicKey } from './parse-public-key.ts'

const string = (bytes: Buffer | string): Buffer => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
const line = (type: string, ...parts: Buffer[]): string =>
  `${type} ${Buffer.concat([string(type), ...parts.map(string)]).toString('base64')} me@laptop`

const base64url = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')

function rsa(bits: number): string {
  const { n, e } = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' })
  return line('ssh-rsa', base64url(e), Buffer.concat([Buffer.from([0]), base64url(n)]))
}
function ecdsa(bits: 256 | 384 | 521): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: `P-${bits}` })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), base64url(x), base64url(y)])
  return line(`ecdsa-sha2-nistp${bits}`, Buffer.from(`nistp${bits}`), point)
}
const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
const ed25519 = line('ssh-ed25519', base64url(x))

const failureOf = (text: string): string => {
  try {
    parsePublicKey(text)
    return 'taken'
  } catch (error) {
    return (error as Error).message
  }
}

describe('a public key', () => {
  it.each([
    ['ed25519', ed25519],
    ['rsa 2048', rsa(2048)],
    ['rsa 3072', rsa(3072)],
    ['ecdsa 256', ecdsa(256)],
    ['ecdsa 384', ecdsa(384)],
    ['ecdsa 521', ecdsa(521)],
  ])('of type %s is taken', (_what, text) => {
    expect(parsePublicKey(`  ${text}\n`)).toMatchObject({
      type: text.split(' ')[0],
      key: text.split(' ')[1],
      comment: 'me@laptop',
      fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/) as string,
    })
  })

  it('has the fingerprint that OpenSSH gives it', () => {
    // Known from ssh-keygen -l.
    const known = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github'
    expect(parsePublicKey(known).fingerprint).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU')
  })

  it('may come without a comment, or with one of many words', () => {
    const [type, key] = ed25519.split(' ')
    expect(parsePublicKey(`${type} ${key}`).comment).toBe('')
    expect(parsePublicKey(`${type}\t${key}  my old laptop`).comment).toBe('my old laptop')
  })
})

describe('refused is', () => {
  it.each([
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n', /private key/],
    ['an old private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n', /private key/],
    ['a key of a hardware token', line('sk-ssh-ed25519@openssh.com', base64url(x)), /hardware tokens/],
    ['another of them', 'sk-ecdsa-sha2-nistp256@openssh.com AAAA', /hardware tokens/],
    ['a certificate', 'ssh-ed25519-cert-v01@openssh.com AAAA', /certificate/],
    ['DSA', 'ssh-dss AAAA', /DSA/],
    ['a short RSA key', rsa(1024), /1024 bits/],
    ['an unknown type', line('ssh-moon', base64url(x)), /ssh-moon do not work/],
    ['nothing', '', /not an SSH public key/],
    ['two keys', `${ed25519}\n${ed25519}`, /not an SSH public key/],
    ['options of authorized_keys', `command="sh" ${ed25519}`, /not an SSH public key/],
    ['a name that is not that of the key', ed25519.replace('ssh-ed25519', 'ssh-rsa'), /not an SSH public/],
    ['half a key', ed25519.slice(0, 40), /not an SSH public key/],
    ['a key with more behind it', line('ssh-ed25519', base64url(x), base64url(x)), /not an SSH public/],
    [
      'a length that is too great',
      `ssh-ed25519 ${Buffer.from('ffffffff', 'hex').toString('base64')}`,
      /not an/,
    ],
    ['what is not base64', 'ssh-ed25519 AAAA!', /not an SSH public key/],
    ['a PEM public key', '-----BEGIN PUBLIC KEY-----\nMCow\n', /not an SSH public key/],
  ])('%s', (_what, text, message) => expect(failureOf(text)).toMatch(message))
})
